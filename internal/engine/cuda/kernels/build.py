"""Compile kernels.cu with NVRTC, which needs neither a driver nor a device.

build.py OUT_DIR PTXAS: writes OUT_DIR/f32.ptx.gz and bf16.ptx.gz for sm_80, and prints what ptxas says of each kernel: registers, shared
memory and spilled bytes on the architectures below. Fails where a kernel spills or takes more registers than 256 threads may have
on every multiprocessor four times over.
"""
import ctypes, glob, gzip, hashlib, os, re, subprocess, sys, tempfile

VIRTUAL = "compute_80"
ARCHITECTURES = ["sm_80", "sm_90", "sm_100"]
MOST_REGISTERS = 64
HERE = os.path.dirname(os.path.abspath(__file__))


def nvrtc():
    import nvidia.cuda_nvrtc as package
    at = os.path.join(list(package.__path__)[0], "lib")
    for name in sorted(glob.glob(at + "/libnvrtc-builtins.so.*")):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(sorted(n for n in glob.glob(at + "/libnvrtc.so.*") if "alt" not in n)[0])


def compile_ptx(lib, source, bf16):
    program = ctypes.c_void_p()
    must(lib, lib.nvrtcCreateProgram(ctypes.byref(program), source, b"kernels.cu", 0, None, None))
    options = [f"--gpu-architecture={VIRTUAL}", "--std=c++14", f"-DACT_BF16={bf16}"]
    argv = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
    rc = lib.nvrtcCompileProgram(program, len(options), argv)
    if rc:
        sys.exit(read(lib, program, "ProgramLog").decode())
    ptx = read(lib, program, "PTX").rstrip(b"\0")
    must(lib, lib.nvrtcDestroyProgram(ctypes.byref(program)))
    return ptx


def read(lib, program, what):
    size = ctypes.c_size_t()
    must(lib, getattr(lib, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    must(lib, getattr(lib, f"nvrtcGet{what}")(program, buffer))
    return buffer.raw[: size.value]


def must(lib, rc):
    if rc:
        lib.nvrtcGetErrorString.restype = ctypes.c_char_p
        sys.exit("nvrtc: " + lib.nvrtcGetErrorString(rc).decode())


def registers(ptxas, ptx, arch):
    """{kernel: (registers, shared bytes, spilled bytes)}"""
    with tempfile.NamedTemporaryFile(suffix=".ptx") as f:
        f.write(ptx)
        f.flush()
        run = subprocess.run([ptxas, f"-arch={arch}", "-v", "-o", "/dev/null", f.name], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    table = {}
    for part in run.stderr.split("Compiling entry function '")[1:]:
        used = re.search(r"Used (\d+) registers", part)
        shared = re.search(r"(\d+) bytes smem", part)
        spills = sum(int(n) for n in re.findall(r"(\d+) bytes spill", part))
        table[part.split("'")[0]] = (int(used[1]), int(shared[1]) if shared else 0, spills)
    return table


def main(out, ptxas):
    source = open(os.path.join(HERE, "kernels.cu"), "rb").read()
    lib = nvrtc()
    rows, bad = {}, []
    for name, bf16 in (("f32", 0), ("bf16", 1)):
        ptx = compile_ptx(lib, source, bf16)
        head = f"// kernels.cu {hashlib.sha256(source).hexdigest()}\n".encode()
        with open(os.path.join(out, name + ".ptx.gz"), "wb") as f:
            f.write(gzip.compress(head + ptx, 9, mtime=0))
        for arch in ARCHITECTURES:
            for kernel, row in registers(ptxas, ptx, arch).items():
                rows.setdefault(kernel, []).append(row)
                if row[2] or row[0] > MOST_REGISTERS:
                    bad.append(f"{kernel} on {arch}: {row[0]} registers, {row[2]} bytes spilled")
    print(f"{'kernel':24}" + "".join(f"{a + ' regs':>14}{'shared':>8}{'spills':>8}" for a in ARCHITECTURES))
    for kernel, row in rows.items():
        print(f"{kernel:24}" + "".join(f"{r:14}{s:8}{p:8}" for r, s, p in row))
    if bad:
        sys.exit("\n".join(bad))


if __name__ == "__main__":
    main(*sys.argv[1:])
