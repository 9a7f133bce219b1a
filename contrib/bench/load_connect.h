/* Sockets to the server under load. */
#ifndef LOAD_CONNECT_H
#define LOAD_CONNECT_H

#include "load_options.h"

/* A connected, non-blocking socket to the server of `options`, or -1 with errno. */
int load_connect(const struct load_options *options);

#endif
