package user

import "machvm/kernel/mach"

// LoadBytes reads the bytes of a region.
func LoadBytes(t Thread, r mach.Region) ([]byte, error) {
	p := make([]byte, r.Size)
	if len(p) == 0 {
		return p, nil
	}
	return p, t.Load(r.Address, p)
}

// LoadNames reads a region that holds an array of names.
func LoadNames(t Thread, r mach.Region) ([]mach.Name, error) {
	p, err := LoadBytes(t, r)
	if err != nil {
		return nil, err
	}
	names := make([]mach.Name, len(p)/4)
	for i := range names {
		names[i] = mach.Name(mach.Words.Uint32(p[4*i:]))
	}
	return names, nil
}

// StoreNew puts p into fresh memory of the task.
func StoreNew(t Thread, p []byte) (mach.Region, mach.Return) {
	if len(p) == 0 {
		return mach.Region{}, mach.KernSuccess
	}
	r := mach.Region{Size: mach.Size(len(p))}
	if code := VMAllocate(t, Self(t), &r.Address, r.Size, true); code != mach.KernSuccess {
		return mach.Region{}, code
	}
	if err := t.Store(r.Address, p); err != nil {
		Deallocate(t, r)
		return mach.Region{}, mach.Code(err)
	}
	return r, mach.KernSuccess
}

// StoreNames puts an array of names into fresh memory of the task, for a message to carry.
func StoreNames(t Thread, names []mach.Name) (mach.Region, mach.Return) {
	p := make([]byte, 0, 4*len(names))
	for _, n := range names {
		p = mach.Words.AppendUint32(p, uint32(n))
	}
	return StoreNew(t, p)
}

// takeBytes reads a region that a message brought and gives the memory back.
func takeBytes(t Thread, r mach.Region) ([]byte, mach.Return) {
	p, err := LoadBytes(t, r)
	Deallocate(t, r)
	if err != nil {
		return nil, mach.Code(err)
	}
	return p, mach.KernSuccess
}

// takeNames reads an array of names that a message brought and gives the memory back.
func takeNames(t Thread, r mach.Region) ([]mach.Name, mach.Return) {
	names, err := LoadNames(t, r)
	Deallocate(t, r)
	if err != nil {
		return nil, mach.Code(err)
	}
	return names, mach.KernSuccess
}
