#include "ringctl/ringctl.h"

int main(int argc, char **argv)
{
    return ringctl_main(argc, argv);
}
