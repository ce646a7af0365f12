/** How the threads of a model wait for each other. */
#ifndef CLI_WAITING_H
#define CLI_WAITING_H

/** Let threads sleep instead of spinning while they wait, unless OMP_WAIT_POLICY or GOMP_SPINCOUNT says otherwise.
 *
 *  With one core taken by something else, two spinning threads keep the third process from the very thread they wait for: a document
 *  that needs 2 s took 93. The OpenMP library reads its policy when the program is loaded, before main, so the program is started
 *  once more with the policy set (same process, same arguments). Where that cannot be done, all goes on, only slower. */
void waiting_choose(char **argv);

#endif
