/* A small perceptron with ReLU between its layers, forward and backward on one tile. */

#ifndef INRCODEC_NETWORK_H
#define INRCODEC_NETWORK_H

#include "kernels.h"
#include "memory.h"
#include "tiles.h"

/* `layers` matrices, the last one the output's; widths[0] inputs, widths[layers] outputs. */
typedef struct {
    int layers, linear, widths[MOST_LAYERS + 1];
    const float *w[MOST_LAYERS], *b[MOST_LAYERS], *straight;
    float *wt[MOST_LAYERS], *straight_t;
    vec *by_w[MOST_LAYERS], *by_b[MOST_LAYERS], *by_straight;
    float *x, *h[MOST_LAYERS], *g[MOST_LAYERS], *by_x;
    void *memory;
} Network;

/* The network's sizes and where its parameters lie; returns the bytes that it needs. */
static inline size_t network_read(Network *net, const int32_t *shape, const float *p) {
    memset(net, 0, sizeof *net);
    net->layers = shape[0];
    net->linear = shape[1];
    for (int l = 0; l <= net->layers; l++) net->widths[l] = shape[2 + l];
    int first = net->widths[0], last = net->widths[net->layers];
    size_t need = ALIGNMENT * 4 + (size_t)2 * first * TILE * 4;
    size_t count = (size_t)net->linear * first * last;
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->w[l] = p;
        net->b[l] = p += in * out;
        p += out;
        count += (size_t)(in + 1) * out;
        need += (size_t)2 * out * TILE * 4 + ALIGNMENT * 5;
    }
    net->straight = net->linear ? p : NULL;
    return need + count * (sizeof(vec) + 4);
}

/* Returns 0, or 1 if there is no memory for it. `shape`: layers, linear or not, widths. */
static inline int network_open(Network *net, const int32_t *shape, const float *parameters) {
    char *at = net->memory = obtain(network_read(net, shape, parameters));
    if (!at) return 1;
    int first = net->widths[0], last = net->widths[net->layers];
    net->x = taken(&at, (size_t)first * TILE * 4);
    net->by_x = taken(&at, (size_t)first * TILE * 4);
    for (int l = 0; l < net->layers; l++) {
        int in = net->widths[l], out = net->widths[l + 1];
        net->h[l] = taken(&at, (size_t)out * TILE * 4);
        net->g[l] = taken(&at, (size_t)out * TILE * 4);
        net->by_w[l] = taken(&at, (size_t)in * out * sizeof(vec));
        net->by_b[l] = taken(&at, (size_t)out * sizeof(vec));
        net->wt[l] = taken(&at, (size_t)in * out * 4);
        turn(net->w[l], out, in, net->wt[l]);
    }
    if (net->linear) {
        net->by_straight = taken(&at, (size_t)first * last * sizeof(vec));
        net->straight_t = taken(&at, (size_t)first * last * 4);
        turn(net->straight, last, first, net->straight_t);
    }
    return 0;
}

/* Outputs of net->x for n positions, a multiple of a block. */
static inline const float *network_forward(Network *net, int n) {
    const float *source = net->x;
    int last = net->layers - 1;
    for (int l = 0; l <= last; l++) {
        product(n, net->widths[l + 1], net->widths[l], net->w[l], net->b[l], source, net->h[l],
                l < last ? RELU : PLAIN, NULL);
        source = net->h[l];
    }
    if (net->linear)
        product(n, net->widths[net->layers], net->widths[0], net->straight, NULL, net->x,
                net->h[last], ADD, NULL);
    return source;
}

/* From the gradient of the outputs, net->g[layers - 1], to net->by_x; that of parameters adds up. */
static inline void network_backward(Network *net, int n) {
    int last = net->layers - 1, *widths = net->widths;
    for (int l = last; l >= 0; l--) {
        const float *below = l ? net->h[l - 1] : net->x;
        outer(n, widths[l + 1], widths[l], net->g[l], below, net->by_w[l]);
        add_up(n, widths[l + 1], net->g[l], net->by_b[l]);
        product(n, widths[l], widths[l + 1], net->wt[l], NULL, net->g[l],
                l ? net->g[l - 1] : net->by_x, PLAIN, l ? below : NULL);
    }
    if (net->linear) {
        outer(n, widths[net->layers], widths[0], net->g[last], net->x, net->by_straight);
        product(n, widths[0], widths[net->layers], net->straight_t, NULL, net->g[last], net->by_x,
                ADD, NULL);
    }
}

/* Write the gradients of the parameters, in their order, and give the memory back. */
static inline void network_close(Network *net, float *gradients) {
    if (gradients) {
        for (int l = 0; l < net->layers; l++) {
            int in = net->widths[l], out = net->widths[l + 1];
            for (int k = 0; k < in * out; k++) *gradients++ = total(net->by_w[l][k]);
            for (int k = 0; k < out; k++) *gradients++ = total(net->by_b[l][k]);
        }
        if (net->linear)
            for (int k = 0; k < net->widths[0] * net->widths[net->layers]; k++)
                *gradients++ = total(net->by_straight[k]);
    }
    release(net->memory);
}

#endif
