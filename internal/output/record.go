package output

import (
	"os"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Record is a file of rows that is held by one process at a time. Each row is on disk when Add returns.
type Record struct {
	path string
	f    *disk.File
}

// OpenRecord opens a record, which need not be there, and locks it for as long as it is open.
func OpenRecord(path string) (*Record, error) {
	f, err := disk.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, Failed(path, "opening", err)
	}
	if busy, err := f.TryLock(); busy || err != nil {
		_ = f.Close()
		if busy {
			return nil, fault.Failedf("%s: is in use: another run is going on", path)
		}
		return nil, Failed(path, "locking", err)
	}
	return &Record{path, f}, nil
}

// Cut keeps the first size bytes.
func (r *Record) Cut(size int64) error {
	err := r.f.Truncate(size)
	if err == nil {
		err = r.f.Sync()
	}
	if err != nil {
		return Failed(r.path, "cutting", err)
	}
	return nil
}

// Add appends a row.
func (r *Record) Add(row []byte) error {
	_, err := r.f.Write(row)
	if err == nil {
		err = r.f.Sync()
	}
	if err != nil {
		return Failed(r.path, "writing", err)
	}
	return nil
}

// Close gives the record free.
func (r *Record) Close() error { return r.f.Close() }
