#include "kern.h"

#define BODY "gate_body.h"
#include "isa.h"

void kern_gate(int isa, int act, long rows, long dim, const float *g, const float *u, long sg, float *h, long sh)
{
	if (act == 0) PICK(isa, gate_silu)(rows, dim, g, u, sg, h, sh);
	else if (act == 1) PICK(isa, gate_gelu)(rows, dim, g, u, sg, h, sh);
	else PICK(isa, gate_erf)(rows, dim, g, u, sg, h, sh);
}

void kern_gate_grad(int isa, int act, long rows, long dim, const float *g, const float *u, float *dg, float *du, long sg,
	const float *dh, long sh)
{
	if (act == 0) PICK(isa, gate_silu_grad)(rows, dim, g, u, dg, du, sg, dh, sh);
	else if (act == 1) PICK(isa, gate_gelu_grad)(rows, dim, g, u, dg, du, sg, dh, sh);
	else PICK(isa, gate_erf_grad)(rows, dim, g, u, dg, du, sg, dh, sh);
}

void kern_act(int isa, int act, long rows, long dim, const float *g, long sg, float *h, long sh)
{
	if (act == 0) PICK(isa, act_silu)(rows, dim, g, sg, h, sh);
	else if (act == 1) PICK(isa, act_gelu)(rows, dim, g, sg, h, sh);
	else PICK(isa, act_erf)(rows, dim, g, sg, h, sh);
}

void kern_act_grad(int isa, int act, long rows, long dim, const float *g, float *dg, long sg, const float *dh, long sh)
{
	if (act == 0) PICK(isa, act_silu_grad)(rows, dim, g, dg, sg, dh, sh);
	else if (act == 1) PICK(isa, act_gelu_grad)(rows, dim, g, dg, sg, dh, sh);
	else PICK(isa, act_erf_grad)(rows, dim, g, dg, sg, dh, sh);
}

void kern_softcap(int isa, float *x, long n, float cap) { PICK(isa, softcap)(x, n, cap); }
