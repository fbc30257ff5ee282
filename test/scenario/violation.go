package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"machvm/kernel/monitor"
)

// monitored looks at what the monitor has seen: a rule that a kernel broke fails every run, one that a manager
// broke fails a strict run.
func (p *play) monitored() {
	if p.monitor == nil {
		return
	}
	p.monitor.Finish(p.failure == nil)
	if p.failure != nil {
		return
	}
	if broken := p.monitor.KernelViolations(); len(broken) > 0 {
		p.fail(&Failure{Kind: Protocol, At: p.script.Path, Text: broken[0].String()})
	} else if broken := p.violations(); p.options.Strict && len(broken) > 0 {
		p.fail(&Failure{Kind: Expectation, At: p.script.Path, Text: broken[0].String()})
	}
}

// violations are the breaches by managers that the script did not expect.
func (p *play) violations() (out []monitor.Violation) {
	if p.monitor == nil {
		return nil
	}
	for _, v := range p.monitor.TaskViolations() {
		if v.Step == 0 || !p.expected[v.Step] {
			out = append(out, v)
		}
	}
	return out
}

// expectViolation is expect_violation(RULE, task): the task, a manager as a rule, has broken the rule by now. What
// a script expects does not count against the manager.
func (p *play) expectViolation(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var rule string
	var t taskArg
	if err := starlark.UnpackArgs("expect_violation", args, kwargs, "rule", &rule, "task", &t); err != nil {
		return nil, err
	}
	if _, ok := monitor.ByID(rule); !ok {
		return nil, fmt.Errorf("expect_violation: there is no rule %s", rule)
	}
	if p.monitor == nil {
		return starlark.None, nil // nobody watches this run
	}
	found := false
	var others []string
	for _, v := range p.monitor.TaskViolations() {
		switch {
		case v.Rule.ID == rule && v.Culprit == t.task.k.Name():
			found = true
			p.expected[v.Step] = true
		default:
			others = append(others, v.Rule.ID+" by "+v.Culprit)
		}
	}
	if found {
		return p.judge(th, "")
	}
	why := fmt.Sprintf("%s has not broken %s", t.task, rule)
	if len(others) > 0 {
		why += "; seen: " + strings.Join(others, ", ")
	}
	return p.judge(th, why)
}
