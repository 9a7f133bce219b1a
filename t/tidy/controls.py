"""Negative controls: each tidy check is shown a small tree that is right, then the same with one thing wrong, and must
accept the one and refuse the other. A check that cannot fail is a defect."""

import os
import shutil
import subprocess
import tempfile
import unittest

import format as layout
import headers
import layers
import purity
import sizes
import words

GOOD = {
    "src/CMakeLists.txt": "ring_room(base FLOOR 0 PURE)\nring_room(ring FLOOR 1 PURE ROOMS base)\n"
                          "ring_room(server FLOOR 6 ROOMS base ring)\n",
    "src/base/sum.h": "/* Sums. */\n#ifndef BASE_SUM_H\n#define BASE_SUM_H\n\n/* a + b, modulo 2^32. */\n"
                      "unsigned sum(unsigned a, unsigned b);\n\n#endif\n",
    "src/base/sum.c": '#include "base/sum.h"\n\nunsigned sum(unsigned a, unsigned b)\n{\n    return a + b;\n}\n',
    "src/ring/ring.c": '#include "base/sum.h"\n\nunsigned ring_size(void);\n\nunsigned ring_size(void)\n{\n'
                       "    return sum(1, 2);\n}\n",
    "src/server/server.c": '#include "base/sum.h"\n#include <time.h>\n\nlong server_now(void);\n\nlong server_now(void)\n{\n'
                           "    return time(NULL);\n}\n",
}


class Controls(unittest.TestCase):
    def tree(self, **wrong):
        """The good tree with some files replaced; __ in a name stands for /, and _dot_ for a dot."""
        directory = tempfile.mkdtemp(prefix="ringcached-tidy-")
        self.addCleanup(shutil.rmtree, directory)
        files = dict(GOOD)
        files.update({name.replace("__", "/").replace("_dot_", "."): text for name, text in wrong.items()})
        for name, text in files.items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return directory

    def build(self, tree):
        """Static libraries of the tree's rooms, where the project's build has them."""
        build = os.path.join(tree, "build")
        for room in ("base", "ring", "server"):
            folder = os.path.join(tree, "src", room)
            objects = []
            for name in sorted(os.listdir(folder)):
                if name.endswith(".c"):
                    target = os.path.join(build, "src", room, name + ".o")
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    subprocess.run(["cc", "-I" + os.path.join(tree, "src"), "-c", os.path.join(folder, name), "-o",
                                    target], check=True)
                    objects.append(target)
            subprocess.run(["ar", "rc", os.path.join(build, "src", "lib%s.a" % room), *objects], check=True)
        return build

    def test_the_good_tree_is_accepted(self):
        tree = self.tree()
        for check in (layers, layout, sizes, headers, words):
            self.assertEqual(check.check(tree), [], check.__name__)
        self.assertEqual(purity.check(tree, self.build(tree)), [])

    def test_an_undeclared_room_is_refused(self):
        tree = self.tree(src__base__sum_dot_c='#include "ring/ring.h"\n')
        self.assertIn("does not declare ring", layers.check(tree)[0])

    def test_a_floor_that_points_up_is_refused(self):
        tree = self.tree(src__CMakeLists_dot_txt="ring_room(base FLOOR 0 PURE ROOMS ring)\n"
                                                 "ring_room(ring FLOOR 1 PURE)\nring_room(server FLOOR 6 ROOMS base)\n")
        self.assertTrue(any("above it" in problem for problem in layers.check(tree)))

    def test_rooms_that_declare_each_other_are_refused(self):
        tree = self.tree(src__CMakeLists_dot_txt="ring_room(base FLOOR 0 PURE)\nring_room(ring FLOOR 6 ROOMS base server)\n"
                                                 "ring_room(server FLOOR 6 ROOMS base ring)\n")
        self.assertTrue(any("each other" in problem for problem in layers.check(tree)))

    def test_a_pure_room_over_an_impure_one_is_refused(self):
        tree = self.tree(src__CMakeLists_dot_txt="ring_room(base FLOOR 0)\nring_room(ring FLOOR 1 PURE ROOMS base)\n"
                                                 "ring_room(server FLOOR 6 ROOMS base)\n")
        self.assertTrue(any("which is not" in problem for problem in layers.check(tree)))

    def test_an_include_without_room_is_refused(self):
        tree = self.tree(src__ring__ring_dot_c='#include "sum.h"\n')
        self.assertIn("name the room", layers.check(tree)[0])

    def test_a_folder_that_is_no_room_is_refused(self):
        self.assertIn("no declared room", layers.check(self.tree(src__attic__old_dot_c="int old;\n"))[0])

    def refuse_symbol(self, code, symbol):
        tree = self.tree(src__ring__ring_dot_c=code)
        self.assertEqual(purity.check(tree, self.build(tree)), ["ring (PURE): ring.c.o uses " + symbol])

    def test_a_clock_in_a_pure_room_is_refused(self):
        self.refuse_symbol("#include <time.h>\nlong now(void) { return time(0); }\n", "time")

    def test_chance_in_a_pure_room_is_refused(self):
        self.refuse_symbol("#include <stdlib.h>\nint dice(void) { return rand(); }\n", "rand")

    def test_a_file_in_a_pure_room_is_refused(self):
        self.refuse_symbol('#include <stdio.h>\nvoid *f(void) { return fopen("x", "r"); }\n', "fopen")

    def test_a_thread_in_a_pure_room_is_refused(self):
        self.refuse_symbol("#include <pthread.h>\nint f(pthread_t t) { return pthread_join(t, 0); }\n", "pthread_join")

    def test_the_environment_in_a_pure_room_is_refused(self):
        self.refuse_symbol('#include <stdlib.h>\nchar *f(void) { return getenv("x"); }\n', "getenv")

    def test_a_symbol_of_an_undeclared_room_is_refused(self):
        self.refuse_symbol("long server_now(void);\nlong f(void) { return server_now(); }\n", "server_now")

    def test_a_missing_library_is_refused(self):
        tree = self.tree()
        self.assertIn("is missing", purity.check(tree, os.path.join(tree, "nowhere"))[0])

    def test_a_badly_formatted_file_is_refused(self):
        self.assertTrue(layout.check(self.tree(src__ring__ring_dot_c="int  f( void ){return 1;}\n")))

    def test_a_long_file_is_refused(self):
        self.assertIn("lines, the limit", sizes.check(self.tree(src__ring__ring_dot_c="\n" * 800))[0])

    def test_a_long_function_is_refused(self):
        code = "void f(void)\n{\n" + "    ;\n" * 200 + "}\n"
        self.assertIn("f has 203 lines", sizes.check(self.tree(src__ring__ring_dot_c=code))[0])

    def test_a_function_without_description_is_refused(self):
        header = GOOD["src/base/sum.h"].replace("/* a + b, modulo 2^32. */\n", "")
        self.assertIn("nothing says what sum does", headers.check(self.tree(src__base__sum_dot_h=header))[0])

    def test_a_wrong_guard_is_refused(self):
        header = GOOD["src/base/sum.h"].replace("BASE_SUM_H", "SUM_H")
        self.assertIn("include guard", headers.check(self.tree(src__base__sum_dot_h=header))[0])

    def test_a_header_without_duty_is_refused(self):
        header = GOOD["src/base/sum.h"].replace("/* Sums. */\n", "")
        self.assertIn("its duty", headers.check(self.tree(src__base__sum_dot_h=header))[0])

    def test_unfinished_work_is_refused(self):
        self.assertIn("unfinished", words.check(self.tree(docs__x_dot_md="TO" "DO: write this\n"))[0])

    def test_a_path_of_a_machine_is_refused(self):
        self.assertIn("somebody's machine", words.check(self.tree(docs__x_dot_md="see /ho" "me/me/x\n"))[0])

    def test_blanks_at_line_ends_are_refused(self):
        self.assertIn("blanks", words.check(self.tree(docs__x_dot_txt="text \n"))[0])


if __name__ == "__main__":
    unittest.main()
