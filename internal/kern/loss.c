#include "kern.h"

enum { LOSS_BLOCK = 2048 };

#define BODY "loss_body.h"
#include "isa.h"

void kern_cross_entropy(int isa, long rows, long vocab, float *z, const int *target, float *loss, int grad, float scale,
	float cap)
{
	PICK(isa, cross_entropy)(rows, vocab, z, target, loss, grad, scale, cap);
}
