/** The probe networks: forward, backward, losses, optimisers, over plain arrays. Pure: no I/O, no globals, one thread; results depend on
 *  nothing but the arguments. The same code is compiled for float (training) and for double (its proof against PyTorch).
 *
 *  Functions exist as probe_f32_* over float and probe_f64_* over double; the comments are at the first. */
#ifndef SALIENT_PROBE_NETWORK_H
#define SALIENT_PROBE_NETWORK_H

#include "probe/plan.h"
#include "salient/random.h"

/** Adam (weight_decay 0) and AdamW (Loshchilov & Hutter 2019).
 *  math   w *= 1 - rate weight_decay; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g²;
 *         w -= rate (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + epsilon) */
typedef struct probe_optimiser {
    double rate, beta1, beta2, epsilon, weight_decay;
} probe_optimiser;

/** beta .9 and .999, epsilon 1e-8. */
probe_optimiser probe_adam(double rate, double weight_decay);

typedef struct probe_f32_network probe_f32_network;
typedef struct probe_f64_network probe_f64_network;

/** A network of that shape, all weights 0. errs SAL_ENOMEM */
int probe_f32_open(const probe_plan *plan, probe_f32_network **out, sal_error *err) SAL_MUST_CHECK;
void probe_f32_close(probe_f32_network *net);

/** PyTorch's default initialisation, from a seed; Adam starts anew. */
void probe_f32_initialise(probe_f32_network *net, uint64_t seed);

/** Parameters [plan.parameters], their gradients after a backward, running values [plan.buffers]; owned by the network. */
float *probe_f32_weights(probe_f32_network *net);
float *probe_f32_gradients(probe_f32_network *net);
float *probe_f32_buffers(probe_f32_network *net);

/** Adam's moments [plan.parameters] and the steps it has made; owned by the network. */
float *probe_f32_first_moments(probe_f32_network *net);
float *probe_f32_second_moments(probe_f32_network *net);
int64_t *probe_f32_steps(probe_f32_network *net);

/** Logits of rows.
 *  in     x [rows, plan.input], borrowed until the backward; groups [group_count+1]: where documents begin among the rows, ascending from
 *         0 to rows (NULL for plans that are not grouped)
 *  in     random: training (dropout drawn from it, batch statistics, running ones moved); NULL: evaluation
 *  out    *logits [rows], owned by the network, until the next forward
 *  errs   SAL_ENOMEM */
int probe_f32_forward(probe_f32_network *net, const float *x, size_t rows, const size_t *groups,
                      size_t group_count, sal_random *random, const float **logits,
                      sal_error *err) SAL_MUST_CHECK;

/** Gradients of all parameters from those of the logits [rows] of the last forward. */
void probe_f32_backward(probe_f32_network *net, const float *d_logits);

/** Mean loss of rows, and its gradient.
 *  in     target [rows]: y normalised within the document (kl) or y (mse)
 *  out    d_logits [rows] or NULL */
double probe_f32_loss_of_words(sal_probe_loss loss, const float *logits, const float *target,
                               size_t rows, float *d_logits);
/** Loss over documents: kl: mean over documents of the cross-entropy of the softmax over the document's words; mse: as of words. */
double probe_f32_loss_of_documents(sal_probe_loss loss, const float *logits, const float *target,
                                   const size_t *groups, size_t group_count, float *d_logits);

/** One step of the optimiser with the gradients there are. */
void probe_f32_step(probe_f32_network *net, const probe_optimiser *optimiser);

int probe_f64_open(const probe_plan *plan, probe_f64_network **out, sal_error *err) SAL_MUST_CHECK;
void probe_f64_close(probe_f64_network *net);
void probe_f64_initialise(probe_f64_network *net, uint64_t seed);
double *probe_f64_weights(probe_f64_network *net);
double *probe_f64_gradients(probe_f64_network *net);
double *probe_f64_buffers(probe_f64_network *net);
double *probe_f64_first_moments(probe_f64_network *net);
double *probe_f64_second_moments(probe_f64_network *net);
int64_t *probe_f64_steps(probe_f64_network *net);
int probe_f64_forward(probe_f64_network *net, const double *x, size_t rows, const size_t *groups,
                      size_t group_count, sal_random *random, const double **logits,
                      sal_error *err) SAL_MUST_CHECK;
void probe_f64_backward(probe_f64_network *net, const double *d_logits);
double probe_f64_loss_of_words(sal_probe_loss loss, const double *logits, const double *target,
                               size_t rows, double *d_logits);
double probe_f64_loss_of_documents(sal_probe_loss loss, const double *logits, const double *target,
                                   const size_t *groups, size_t group_count, double *d_logits);
void probe_f64_step(probe_f64_network *net, const probe_optimiser *optimiser);

#endif
