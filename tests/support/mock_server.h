/** Starts tests/support/mock_server.py for a test, and stops it. */
#ifndef SALIENT_MOCK_SERVER_H
#define SALIENT_MOCK_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct mock_server {
    pid_t process;
    int input; /* closing it ends the server */
    int port;
    char base[64]; /* "http://127.0.0.1:PORT" */
} mock_server;

/** in     arguments: of the server, NULL-terminated, at most 8
 *  return false when Python or the server cannot be started */
bool mock_server_start(mock_server *server, const char *const *arguments);
void mock_server_stop(mock_server *server);

#endif
