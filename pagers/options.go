package pagers

// Option is a choice about a server: how many threads it has, in which order they work.
type Option interface{ set(*Server) }

// Threads is the number of service threads, at least one. Which messages they handle at the same time is for
// the Discipline to say.
type Threads int

func (n Threads) set(s *Server) { s.threads = max(int(n), 1) }

func (d Discipline) set(s *Server) { s.discipline = d }
