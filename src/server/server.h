/* The shell around a node: the only room that touches the world. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

/* Runs a node until it is told to stop. Returns the exit status of the process. */
int server_main(int argc, char **argv);

#endif
