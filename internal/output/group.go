package output

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"famkit/internal/disk"
	"famkit/internal/fault"
)

// Files that belong together appear together. All of them are written as temporaries in one folder. Then a journal,
// DIR/.NAME.famkit-group-PID-RANDOM, appears by a rename: from there on the new files count. What they replace gets a
// second name, they are renamed one after the other, and the journal goes.
//
// A rename that fails is undone with those before it. A run that is killed in between leaves the journal, and the next
// run that writes into the folder renames what is left. Both are steps that can themselves be cut off and begun again.
const (
	groupMark = ".famkit-group-"
	wasMark   = ".famkit-was-"
)

// group is several temporaries on their way to their destinations.
type group struct {
	dir     string
	tag     string
	list    []*Temporary
	journal *Temporary // what it is written as, then the journal itself
	record  record
}

// record is what a journal holds. Paths are as seen from its folder.
type record struct {
	Files []member `json:"files"`
}

type member struct {
	Name      string `json:"name"`
	Temporary string `json:"temporary"`
	Was       string `json:"was,omitempty"` // second name of what is replaced

	linked bool // it has that name
}

// CommitAll puts temporaries of files in their destinations' place, all or none. They lie in dir, their destinations
// in it or below; their contents must be synced. Without replace a destination that exists is refused.
func CommitAll(dir string, replace bool, list ...*Temporary) error {
	if len(list) == 1 {
		return list[0].Commit(replace)
	}
	g := &group{dir: dir, tag: newTag(), list: list}
	err := g.prepare(replace)
	if err == nil {
		err = g.begin()
	}
	if err != nil {
		g.giveUp()
		return err
	}
	return g.move()
}

// prepare looks what is replaced.
func (g *group) prepare(replace bool) error {
	for _, t := range g.list {
		name, err := filepath.Rel(g.dir, t.dst)
		if err != nil {
			return Failed(t.dst, "putting it in place", err)
		}
		m := member{Name: filepath.ToSlash(name), Temporary: filepath.Base(t.path)}
		_, err = disk.LstatOf(t.dst)
		switch {
		case disk.Absent(err):
		case err != nil:
			return Failed(t.dst, "looking at it", err)
		case !replace:
			return fault.Inputf("%s: exists already: somebody made it in the meantime", t.dst)
		default:
			m.Was = filepath.Base(hidden(g.dir, t.dst, wasMark, g.tag))
		}
		g.record.Files = append(g.record.Files, m)
	}
	return nil
}

// begin puts the journal in place.
func (g *group) begin() error {
	path := hidden(g.dir, g.list[0].dst, groupMark, g.tag)
	b, err := json.Marshal(g.record)
	if err != nil {
		return Failed(path, "writing", err)
	}
	j, err := newTemporary(g.dir, g.list[0].dst, false)
	if err != nil {
		return err
	}
	g.journal = j
	if err := j.fill(b, 0); err != nil {
		return err
	}
	if err := disk.MoveNew(j.path, path); err != nil {
		return Failed(j.dst, "putting its journal in place", err)
	}
	j.path = path
	if err := disk.SyncDir(g.dir); err != nil {
		return Failed(j.dst, "putting its journal in place", err)
	}
	return nil
}

// move renames the files. A failure is undone.
func (g *group) move() error {
	for i := range g.record.Files {
		if m := &g.record.Files[i]; m.Was != "" { // without links a failure is finished by the next run, not undone
			m.linked = disk.HardLink(g.list[i].dst, filepath.Join(g.dir, m.Was)) == nil
		}
	}
	for i, t := range g.list {
		move := disk.MoveNew
		if g.record.Files[i].Was != "" {
			move = disk.Move
		}
		if err := move(t.path, t.dst); err != nil {
			return g.undo(i, notPlaced(t.dst, err))
		}
	}
	err := g.sync()
	g.drop()
	g.unlock()
	return err
}

// undo takes the first n files back. Where that fails too, the journal stays and the next run finishes the group.
func (g *group) undo(n int, cause error) error {
	for i := n - 1; i >= 0; i-- {
		if err := g.record.Files[i].takeBack(g.dir); err != nil {
			g.unlock()
			_ = g.journal.lock.Close()
			return fault.Hint(cause, "the next run that writes into %s puts the rest in place", g.dir)
		}
	}
	_ = g.sync()
	g.giveUp()
	return cause
}

// giveUp leaves the old files. Where the journal cannot be removed the temporaries stay with it: the next run finds
// either both or neither.
func (g *group) giveUp() {
	if g.drop() {
		for _, t := range g.list {
			t.Discard()
		}
		return
	}
	g.unlock()
}

func (g *group) unlock() {
	for _, t := range g.list {
		_ = t.lock.Close()
	}
}

var errNotLinked = errors.New("what was replaced has no other name")

// takeBack puts the old file back. First the new one gets its temporary's name again: if this is cut off, the next run
// finds it there and finishes the group.
func (m member) takeBack(dir string) error {
	dst, tmp := filepath.Join(dir, filepath.FromSlash(m.Name)), filepath.Join(dir, m.Temporary)
	if m.Was == "" {
		return disk.Move(dst, tmp)
	}
	if !m.linked {
		return errNotLinked
	}
	if err := disk.HardLink(dst, tmp); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.Move(filepath.Join(dir, m.Was), dst)
}

// sync makes the names of all files durable.
func (g *group) sync() error {
	dirs := []string{g.dir}
	for _, t := range g.list {
		dirs = append(dirs, filepath.Dir(t.dst))
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if err := disk.SyncDir(dir); err != nil {
			return Failed(dir, "syncing", err)
		}
	}
	return nil
}

// drop removes the journal and the second names. ok is false where the journal stays; it then still counts.
func (g *group) drop() (ok bool) {
	if g.journal != nil {
		defer func() { _ = g.journal.lock.Close() }()
		if err := disk.Delete(g.journal.path); err != nil && !disk.Absent(err) {
			return false
		}
		_ = disk.SyncDir(g.dir)
	}
	for _, m := range g.record.Files {
		if m.Was != "" {
			_ = disk.Delete(filepath.Join(g.dir, m.Was))
		}
	}
	return true
}

// finishGroup renames what a killed run has left of a group. A journal whose writer lives only says what belongs to it.
func (s *sweeper) finishGroup(base string) error {
	_, tag, ok := leftover(base, groupMark)
	if !ok {
		return nil
	}
	path := filepath.Join(s.dir, base)
	r, busy, err := s.readJournal(path, tag)
	if err == nil && !busy {
		err = r.finish(s.dir, path)
	}
	ours := false
	for _, m := range r.Files {
		ours = ours || filepath.Base(m.Name) == s.dst
		if err != nil || busy {
			s.claimed[m.Temporary], s.claimed[m.Was] = true, true
		}
	}
	if disk.Absent(err) || !ours {
		return nil
	}
	return err
}

// readJournal reads a journal that may be trusted: each of its files comes from a temporary of the same name.
func (s *sweeper) readJournal(path, tag string) (r record, busy bool, err error) {
	f, err := disk.OpenRead(path)
	if err != nil {
		return r, false, err
	}
	defer func() { _ = f.Close() }() // only then: the lock is held while the group is finished
	busy, _ = f.TryLock()
	b, err := f.ReadAll(1 << 20)
	if err != nil {
		return r, busy, err
	}
	if json.Unmarshal(b, &r) != nil {
		return record{}, true, nil // not a journal of ours: left alone
	}
	for _, m := range r.Files {
		name, _, ok := leftover(m.Temporary, tmpMark)
		was, wasTag, wasOK := leftover(m.Was, wasMark)
		if !ok || !filepath.IsLocal(m.Name) || name != filepath.Base(m.Name) || m.Was != "" &&
			(!wasOK || was != name || wasTag != tag) {
			return record{}, true, nil
		}
	}
	return r, busy, nil
}

func (r record) finish(dir, journal string) error {
	for _, m := range r.Files {
		err := disk.Move(filepath.Join(dir, m.Temporary), filepath.Join(dir, filepath.FromSlash(m.Name)))
		if err != nil && !disk.Absent(err) { // what is not there has been renamed already
			return err
		}
		if err := disk.SyncDir(filepath.Dir(filepath.Join(dir, filepath.FromSlash(m.Name)))); err != nil {
			return err
		}
	}
	if err := disk.Delete(journal); err != nil {
		return err
	}
	for _, m := range r.Files {
		if m.Was != "" {
			_ = disk.Delete(filepath.Join(dir, m.Was))
		}
	}
	return nil
}
