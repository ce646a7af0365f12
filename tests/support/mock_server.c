#include "mock_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become_server(const char *const *arguments, int input, int output) {
    const char *words[12] = {"python3", SALIENT_SOURCE "/tests/support/mock_server.py"};
    for (size_t i = 0; i < 8 && arguments[i] != NULL; i++)
        words[i + 2] = arguments[i];
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(127);
    execvp("python3", (char *const *)words);
    _exit(127);
}

bool mock_server_start(mock_server *server, const char *const *arguments) {
    int to[2];
    int from[2];
    char line[16] = "";
    *server = (mock_server){.input = -1};
    if (pipe(to) != 0 || pipe(from) != 0)
        return false;
    server->process = fork();
    if (server->process == 0) {
        close(to[1]);
        close(from[0]);
        become_server(arguments, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    server->input = to[1];
    FILE *output = fdopen(from[0], "r");
    const bool told = output != NULL && fgets(line, sizeof line, output) != NULL;
    if (output != NULL)
        fclose(output);
    server->port = told ? (int)strtol(line, NULL, 10) : 0;
    snprintf(server->base, sizeof server->base, "http://127.0.0.1:%d", server->port);
    if (server->process > 0 && server->port > 0)
        return true;
    mock_server_stop(server);
    return false;
}

void mock_server_stop(mock_server *server) {
    if (server->input >= 0)
        close(server->input);
    if (server->process > 0)
        waitpid(server->process, NULL, 0);
    *server = (mock_server){.input = -1};
}
