/* ringcached: start a node. */
#include "server/server.h"

int main(int argc, char **argv)
{
    return server_main(argc, argv);
}
