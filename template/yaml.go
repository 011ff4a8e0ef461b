package template

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"

	"gridpatrol/inspection"
)

// Bounds of a definition: far above any checklist, far below what hurts.
const (
	maxYAMLBytes = 1 << 20
	maxYAMLDepth = 24
)

// DecodeYAML reads one YAML mapping into the values that inspection.ParseJSON
// gives: numbers keep their digits, dates stay text. Aliases are refused, since
// a few of them can stand for gigabytes. Errors name the line.
func DecodeYAML(data []byte) (inspection.Object, error) {
	if len(data) > maxYAMLBytes {
		return nil, errorf("the definition is over 1 MiB")
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return nil, errorf("not YAML: %v", err)
	}
	if node.Kind != yaml.DocumentNode || len(node.Content) != 1 {
		return nil, errorf("the definition is empty")
	}
	v, err := yamlValue(node.Content[0], 0)
	if err != nil {
		return nil, err
	}
	o, ok := v.(inspection.Object)
	if !ok {
		return nil, errorf("the definition is not a mapping")
	}
	return o, nil
}

func yamlValue(n *yaml.Node, depth int) (any, error) {
	if depth > maxYAMLDepth {
		return nil, errorf("line %d: nested too deep", n.Line)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return yamlScalar(n)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			v, err := yamlValue(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return yamlMapping(n, depth)
	default:
		return nil, errorf("line %d: aliases are not taken", n.Line)
	}
}

func yamlMapping(n *yaml.Node, depth int) (any, error) {
	o := make(inspection.Object, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			return nil, errorf("line %d: a key is not a plain text", key.Line)
		}
		if _, twice := o[key.Value]; twice {
			return nil, errorf("line %d: %q is there twice", key.Line, key.Value)
		}
		v, err := yamlValue(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		o[key.Value] = v
	}
	return o, nil
}

func yamlScalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, errorf("line %d: not a boolean", n.Line)
		}
		return b, nil
	case "!!int", "!!float":
		// YAML writes numbers in more ways than JSON; only JSON's are taken.
		if !json.Valid([]byte(n.Value)) {
			return nil, errorf("line %d: write the number as JSON does", n.Line)
		}
		return json.Number(n.Value), nil
	}
	return nil, errorf("line %d: the tag %s is not taken", n.Line, n.ShortTag())
}
