"""float64 arithmetic throughout in the transformers library."""
import torch

NAMES = ("float32", "float")


class all_double:
    """The library computes norms, softmax and rotary tables in float32 whatever type the weights have. Inside this
    context the names that it uses for float32 mean float64, so a float64 model is float64 from end to end."""

    def __enter__(self):
        self.names = {n: getattr(torch, n) for n in NAMES}
        self.method, self.default = torch.Tensor.float, torch.get_default_dtype()
        for n in NAMES:
            setattr(torch, n, torch.float64)
        torch.Tensor.float = lambda t, *args, **kw: t.double()
        torch.set_default_dtype(torch.float64)
        return self

    def __exit__(self, *exc):
        for n, v in self.names.items():
            setattr(torch, n, v)
        torch.Tensor.float = self.method
        torch.set_default_dtype(self.default)
