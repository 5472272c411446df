package units

import "testing"

func TestPrint(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 13_840_000: "13.8 MB",
		5_000_000_000: "5.00 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 134_515_008: "134,515,008", -1: "-1",
		-100: "-100", -1000: "-1,000"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 2000: "2,000 files"} {
		if got := Plural(n, "file"); got != want {
			t.Errorf("Plural(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for s, want := range map[string]int64{"5GB": 5e9, "512MiB": 512 << 20, "1000000": 1e6, "1.5 kb": 1500, "3B": 3,
		"2g": 2e9} {
		if got, err := ParseBytes(s); err != nil || got != want {
			t.Errorf("ParseBytes(%q) is %d, %v; want %d", s, got, err, want)
		}
	}
	for s, want := range map[string]int64{"20M": 20e6, "1.5B": 15e8, "3e9": 3e9, "7": 7, "2k": 2000, "2 k": 2000,
		"1T": 1e12} {
		if got, err := ParseCount(s); err != nil || got != want {
			t.Errorf("ParseCount(%q) is %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "GB", "-5GB", "0", "0x10", "1_000", "inf", "nan", "5XB", "1e300", "five", "5MM", "M"} {
		if n, err := ParseBytes(s); err == nil {
			t.Errorf("ParseBytes(%q) is %d, want a refusal", s, n)
		}
		if n, err := ParseCount(s); err == nil {
			t.Errorf("ParseCount(%q) is %d, want a refusal", s, n)
		}
	}
}
