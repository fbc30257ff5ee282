package zaptrace

import (
	"io"

	"machvm/kernel/trace"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Sink logs records. What a student is shown goes to Info, the rest to Debug; exceptions and failed
// expectations go to Warn.
type Sink struct {
	log    *zap.Logger
	names  *trace.Names
	fields []zap.Field // reused
}

// New is a sink that logs to log, with the names of the tracer it is added to.
func New(log *zap.Logger, names *trace.Names) *Sink { return &Sink{log: log, names: names} }

// NewLogger is a logger of JSON lines to w that carries no wall time and no call site, so that two equal runs
// log equal lines.
func NewLogger(w io.Writer, level zapcore.Level) *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		LevelKey: "level", MessageKey: "msg", EncodeLevel: zapcore.LowercaseLevelEncoder,
	})
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(w), level))
}

// Record logs r. The message is the text of the event; the fields are those of its struct.
func (s *Sink) Record(r *trace.Record) {
	level := levelOf(r)
	if !s.log.Core().Enabled(level) {
		return
	}
	entry := s.log.Check(level, r.Describe(s.names))
	if entry == nil {
		return
	}
	f := append(s.fields[:0],
		zap.Uint64("seq", r.Seq), zap.Uint64("time", uint64(r.Time)),
		zap.String("host", s.names.Name(trace.ClassHost, uint64(r.Host))),
		zap.String("thread", s.names.Name(trace.ClassThread, uint64(r.Thread))),
		zap.String("kind", r.Kind.String()))
	for a := range r.Attrs(s.names) {
		f = append(f, field(a))
		if a.Name != "" {
			f = append(f, zap.String(a.Key+"_name", a.Name))
		}
	}
	entry.Write(f...)
	s.fields = f
}

func field(a trace.Attr) zap.Field {
	switch a.Type {
	case trace.AttrInt:
		return zap.Int64(a.Key, int64(a.Num))
	case trace.AttrBool:
		return zap.Bool(a.Key, a.Num != 0)
	case trace.AttrText:
		return zap.String(a.Key, a.Text)
	}
	return zap.Uint64(a.Key, a.Num)
}

func levelOf(r *trace.Record) zapcore.Level {
	note, _ := trace.As[trace.Note](r)
	switch {
	case r.Kind == trace.KindException, note.Op == trace.NoteFail:
		return zap.WarnLevel
	case r.Level() == trace.Student:
		return zap.InfoLevel
	}
	return zap.DebugLevel
}
