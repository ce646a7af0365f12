/** Version of salient. */
#ifndef SALIENT_VERSION_H
#define SALIENT_VERSION_H
#define SAL_VERSION "0.1.0"
#endif
