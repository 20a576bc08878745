/* A network on every pixel. */

#include "network.h"

int32_t pixel_network(const int32_t *shape, const float *parameters, int64_t n, int64_t first,
                      int64_t last, const float *x, float *y) {
    Network net;
    if (network_open(&net, shape, parameters)) return 1;
    int inputs = net.widths[0], outputs = net.widths[net.layers];
    for (int64_t at = first; at < last; at += TILE) {
        int count = last - at < TILE ? (int)(last - at) : TILE;
        for (int k = 0; k < inputs; k++) memcpy(net.x + k * TILE, x + k * n + at, (size_t)count * 4);
        clear_rest(net.x, inputs, count);
        const float *out = network_forward(&net, blocks(count));
        for (int k = 0; k < outputs; k++) memcpy(y + k * n + at, out + k * TILE, (size_t)count * 4);
    }
    network_close(&net, NULL);
    return 0;
}

int32_t pixel_network_back(const int32_t *shape, const float *parameters, int64_t n,
                           int64_t first, int64_t last, const float *x, const float *by_y,
                           float *by_x, float *by_parameters) {
    Network net;
    if (network_open(&net, shape, parameters)) return 1;
    int inputs = net.widths[0], outputs = net.widths[net.layers];
    float *g = net.g[net.layers - 1];
    for (int64_t at = first; at < last; at += TILE) {
        int count = last - at < TILE ? (int)(last - at) : TILE;
        size_t bytes = (size_t)count * 4;
        for (int k = 0; k < inputs; k++) memcpy(net.x + k * TILE, x + k * n + at, bytes);
        for (int k = 0; k < outputs; k++) memcpy(g + k * TILE, by_y + k * n + at, bytes);
        clear_rest(net.x, inputs, count);
        clear_rest(g, outputs, count);
        network_forward(&net, blocks(count));
        network_backward(&net, blocks(count));
        for (int k = 0; k < inputs; k++) memcpy(by_x + k * n + at, net.by_x + k * TILE, bytes);
    }
    network_close(&net, by_parameters);
    return 0;
}
