/** How the threads of a model wait for each other. */
#ifndef CLI_WAITING_H
#define CLI_WAITING_H

#include <stdbool.h>
#include <stddef.h>

/** Let threads spin only for a moment while they wait for each other, then sleep, unless OMP_WAIT_POLICY or GOMP_SPINCOUNT says otherwise.
 *
 *  Spinning threads of two processes keep each other from the cores: a document that needs 2 s took 93. Threads that sleep at once take
 *  twice as long on a quiet machine (12.9 s against 6.3 for two documents); a thousand turns first cost nothing there (6.3 s). The
 *  OpenMP library reads its policy when the program is loaded, before main, so the program is started once more with the policy set
 *  (same process, same arguments). Where that cannot be done, all goes on. */
void waiting_choose(char **argv);

/** The file of this program, to start it once more. return false where the system does not tell, or size is too little */
bool program_path(char *room, size_t size);

#endif
