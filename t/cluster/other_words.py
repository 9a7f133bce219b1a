"""Seeds that say the nodes' addresses in other words than the nodes do themselves."""

import cluster


def other_words(peer):
    """The same host and port: 127.1.2.3 is 127.1.515, as inet_aton reads it, too."""
    host, port = peer.rsplit(":", 1)
    a, b, c, d = (int(number) for number in host.split("."))
    return "%d.%d.%d:%s" % (a, b, c << 8 | d, port)


class OtherWords(cluster.RingCase):
    def nodes(self, count):
        """Not started; the seeds are theirs in other words."""
        ports = [cluster.free_port() for _ in range(count)]
        seeds = ",".join(other_words("%s:%d" % (cluster.HOST, port)) for port in ports)
        found = []
        for number, port in enumerate(ports, 1):
            node = cluster.Node("node%d" % number, *cluster.SMALL_LOG, seeds=seeds, peer_port=port)
            self.addCleanup(self._end, node)
            found.append(node)
        return found

    def test_a_node_that_is_its_own_only_seed_founds_alone(self):
        node = self.nodes(1)[0]
        node.start()
        self.assertEqual(node.ring_stats()["members"], "1")
        self.assertNotIn(b"itself", node.log())

    def test_three_found_one_ring(self):
        nodes = self.nodes(3)
        for node in nodes:
            node.start(wait=False)
        for node in nodes:
            node.wait_ready()
        reports = [node.report("ring") for node in nodes]
        self.assertEqual([report["fingerprint"] for report in reports], [reports[0]["fingerprint"]] * 3)
        self.assertEqual(nodes[0].ring_stats()["members"], "3")


if __name__ == "__main__":
    cluster.main()
