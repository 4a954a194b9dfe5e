/* Support vector machines: kernels, sums for each pair of classes, votes, probabilities. */
#ifndef SA_ND_SUPPORT_H
#define SA_ND_SUPPORT_H

#include "sa_nd_math.h"

#define SA_ND_KERNEL_LINEAR 0
#define SA_ND_KERNEL_POLY 1
#define SA_ND_KERNEL_RBF 2
#define SA_ND_KERNEL_SIGMOID 3

/* Kernel of every row of x (n features) with every one of the vectors. */
SA_ND_FUNCTION void sa_nd_kernels(const sa_nd_f32 *x, const sa_nd_f32 *v, sa_nd_f32 *y, int32_t rows,
                                  int32_t vectors, int32_t n, int32_t kind, float gamma, float offset,
                                  int32_t degree)
{
    int32_t i, j, k;

    for (i = 0; i < rows; i++, x += n) {
        for (j = 0; j < vectors; j++, y++) {
            const sa_nd_f32 *const w = v + j * n;
            float sum = 0.0F;

            for (k = 0; k < n; k++) {
                const float d = x[k] - w[k];

                sum += kind == SA_ND_KERNEL_RBF ? d * d : x[k] * w[k];
            }
            if (kind == SA_ND_KERNEL_RBF) {
                *y = sa_nd_exp(-gamma * sum);
            } else if (kind == SA_ND_KERNEL_LINEAR) {
                *y = sum;
            } else {
                const float base = gamma * sum + offset;
                float power = 1.0F;

                for (k = 0; k < degree; k++) {
                    power = power * base;
                }
                *y = kind == SA_ND_KERNEL_POLY ? power : sa_nd_tanh(base);
            }
        }
    }
}

/* Sums of all pairs of classes i < j: vectors of i with row j - 1 of the coefficients, those of j with row i. */
SA_ND_FUNCTION void sa_nd_pairs(const sa_nd_f32 *x, const sa_nd_f32 *coefficient, const sa_nd_f32 *rho,
                                sa_nd_f32 *y, int32_t rows, int32_t vectors, const sa_nd_i32 *first,
                                int32_t classes)
{
    int32_t r, i, j, k;

    for (r = 0; r < rows; r++, x += vectors) {
        const sa_nd_f32 *offset = rho;

        for (i = 0; i < classes; i++) {
            for (j = i + 1; j < classes; j++) {
                const sa_nd_f32 *const a = coefficient + (j - 1) * vectors;
                const sa_nd_f32 *const b = coefficient + i * vectors;
                float sum = 0.0F;

                for (k = first[i]; k < first[i + 1]; k++) {
                    sum += a[k] * x[k];
                }
                for (k = first[j]; k < first[j + 1]; k++) {
                    sum += b[k] * x[k];
                }
                *y++ = sum + *offset++;
            }
        }
    }
}

/* How many pairs each class wins. */
SA_ND_FUNCTION void sa_nd_votes(const sa_nd_f32 *x, sa_nd_f32 *y, int32_t rows, int32_t classes)
{
    int32_t r, i, j;

    for (r = 0; r < rows; r++, y += classes) {
        for (i = 0; i < classes; i++) {
            y[i] = 0.0F;
        }
        for (i = 0; i < classes; i++) {
            for (j = i + 1; j < classes; j++) {
                y[*x++ > 0.0F ? i : j] += 1.0F;
            }
        }
    }
}

/* Probabilities of the classes from those of pairs (Wu, Lin and Weng 2004, as libsvm does); room holds
 * 2 * n * n + n numbers. */
SA_ND_FUNCTION void sa_nd_coupling(const sa_nd_f32 *x, const sa_nd_f32 *a, const sa_nd_f32 *b, sa_nd_f32 *y,
                                   sa_nd_f32 *room, int32_t rows, int32_t n)
{
    sa_nd_f32 *const r = room, *const q = room + n * n, *const qp = room + 2 * n * n;
    const float least = 0.005F / (float)n;
    int32_t row, i, j, loop;

    for (row = 0; row < rows; row++, y += n) {
        const sa_nd_f32 *slope = a, *offset = b;

        for (i = 0; i < n; i++) {
            for (j = i + 1; j < n; j++) {
                float p = 1.0F - sa_nd_sigmoid(*x++ * *slope++ + *offset++);

                p = p > 1.0e-7F ? p : 1.0e-7F;
                p = p < 1.0F - 1.0e-7F ? p : 1.0F - 1.0e-7F;
                r[i * n + j] = p;
                r[j * n + i] = 1.0F - p;
            }
        }
        for (i = 0; i < n; i++) {
            float own = 0.0F;

            y[i] = 1.0F / (float)n;
            for (j = 0; j < n; j++) {
                if (j != i) {
                    own += r[j * n + i] * r[j * n + i];
                    q[i * n + j] = j < i ? q[j * n + i] : -(r[j * n + i] * r[i * n + j]);
                }
            }
            q[i * n + i] = own;
        }
        for (loop = 0; loop < 100; loop++) {
            float all = 0.0F, worst = 0.0F;

            for (i = 0; i < n; i++) {
                float sum = 0.0F;

                for (j = 0; j < n; j++) {
                    sum += q[i * n + j] * y[j];
                }
                qp[i] = sum;
                all += y[i] * sum;
            }
            for (i = 0; i < n; i++) {
                const float wrong = qp[i] > all ? qp[i] - all : all - qp[i];

                worst = wrong > worst ? wrong : worst;
            }
            if (worst < least) {
                break;
            }
            for (i = 0; i < n; i++) {
                const float own = q[i * n + i];
                const float step = (all - qp[i]) / own;
                const float whole = 1.0F + step;

                y[i] += step;
                all = (all + step * (step * own + 2.0F * qp[i])) / whole / whole;
                for (j = 0; j < n; j++) {
                    qp[j] = (qp[j] + step * q[i * n + j]) / whole;
                    y[j] = y[j] / whole;
                }
            }
        }
    }
}

#endif
