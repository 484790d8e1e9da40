//! Rewrites what a published ONNX network asks of its engine and ours has not: `FusedMatMul`, a matrix product that
//! transposes its operands on the way, becomes a `Transpose` and a `MatMul`.
//!
//! ONNX is protobuf. The few fields that matter are read here, and every other byte is passed on as it stands.

use std::{io::Write, ops::Range};

use crate::SpeechError;

// Field numbers of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_NAME: u64 = 3;
const NODE_OPERATOR: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_FLOAT: u64 = 2;
const ATTRIBUTE_INTEGER: u64 = 3;
const ATTRIBUTE_INTEGERS: u64 = 8;
const ATTRIBUTE_TYPE: u64 = 20;
const TYPE_INTEGERS: u64 = 7;

/// Writes `model` with every `FusedMatMul` unfused.
pub(in crate::models) fn unfuse(model: &[u8], output: &mut dyn Write) -> Result<(), SpeechError> {
    let mut write = |bytes: &[u8]| output.write_all(bytes).map_err(SpeechError::io("writing the network"));
    for field in Fields::of(model) {
        let field = field?;
        let (MODEL_GRAPH, Content::Bytes(graph)) = (field.number, &field.content) else {
            write(&model[field.place])?;
            continue;
        };
        let changes = changes(graph)?;
        let removed: usize = changes.iter().map(|change| change.place.len()).sum();
        let added: usize = changes.iter().map(|change| change.nodes.len()).sum();
        let mut head = Vec::new();
        put_head(&mut head, MODEL_GRAPH, graph.len() - removed + added);
        write(&head)?;
        let mut written = 0;
        for change in changes {
            write(&graph[written..change.place.start])?;
            write(&change.nodes)?;
            written = change.place.end;
        }
        write(&graph[written..])?;
    }
    Ok(())
}

/// Nodes that take the place of one.
struct Change {
    place: Range<usize>,
    nodes: Vec<u8>,
}

fn changes(graph: &[u8]) -> Result<Vec<Change>, SpeechError> {
    let mut changes = Vec::new();
    for field in Fields::of(graph) {
        let field = field?;
        if let (GRAPH_NODE, Content::Bytes(bytes)) = (field.number, &field.content) {
            let node = Node::read(bytes)?;
            if node.operator == "FusedMatMul" {
                changes.push(Change { place: field.place, nodes: node.unfused()? });
            }
        }
    }
    Ok(changes)
}

#[derive(Default)]
struct Node<'a> {
    name: &'a str,
    operator: &'a str,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    transposed: [bool; 2],
    /// An attribute that changes the result in a way we do not rewrite.
    other: Option<&'a str>,
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, SpeechError> {
        let mut node = Self::default();
        for field in Fields::of(bytes) {
            let field = field?;
            let Content::Bytes(content) = field.content else { continue };
            match field.number {
                NODE_INPUT => node.inputs.push(text(content)?),
                NODE_OUTPUT => node.outputs.push(text(content)?),
                NODE_NAME => node.name = text(content)?,
                NODE_OPERATOR => node.operator = text(content)?,
                NODE_ATTRIBUTE => node.attribute(content)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, bytes: &'a [u8]) -> Result<(), SpeechError> {
        let (mut name, mut integer, mut float) = ("", 0, None);
        for field in Fields::of(bytes) {
            let field = field?;
            match (field.number, field.content) {
                (ATTRIBUTE_NAME, Content::Bytes(content)) => name = text(content)?,
                (ATTRIBUTE_INTEGER, Content::Number(value)) => integer = value,
                (ATTRIBUTE_FLOAT, Content::Four(value)) => float = Some(f32::from_le_bytes(value)),
                _ => {}
            }
        }
        match name {
            "transA" => self.transposed[0] = integer != 0,
            "transB" => self.transposed[1] = integer != 0,
            "alpha" if float == Some(1.0) => {}
            name if integer != 0 || name == "alpha" => self.other = Some(name),
            _ => {}
        }
        Ok(())
    }

    fn unfused(&self) -> Result<Vec<u8>, SpeechError> {
        let (name, &[left, right], &[output]) = (self.name, &*self.inputs, &*self.outputs) else {
            return Err(SpeechError::Malformed(format!("{} does not take two matrices and give one", self.name)));
        };
        if let Some(other) = self.other {
            return Err(SpeechError::Malformed(format!("{name} has {other}, which is not rewritten")));
        }
        let mut nodes = Vec::new();
        let mut operands = [left.to_owned(), right.to_owned()];
        for (operand, transposed) in operands.iter_mut().zip(self.transposed) {
            if transposed {
                let turned = format!("{operand}/transposed");
                put_node(&mut nodes, "Transpose", &[operand], &turned, Some(&last_two_swapped()));
                *operand = turned;
            }
        }
        put_node(&mut nodes, "MatMul", &operands.each_ref().map(String::as_str), output, None);
        Ok(nodes)
    }
}

/// The attribute `perm = [0, 2, 1]` of a batch of matrices.
fn last_two_swapped() -> Vec<u8> {
    let mut attribute = Vec::new();
    put(&mut attribute, ATTRIBUTE_NAME, b"perm");
    // One field each: ONNX does not pack its lists.
    for axis in [0, 2, 1] {
        put_varint(&mut attribute, ATTRIBUTE_INTEGERS << 3);
        put_varint(&mut attribute, axis);
    }
    put_varint(&mut attribute, ATTRIBUTE_TYPE << 3);
    put_varint(&mut attribute, TYPE_INTEGERS);
    attribute
}

fn put_node(nodes: &mut Vec<u8>, operator: &str, inputs: &[&str], output: &str, attribute: Option<&[u8]>) {
    let mut node = Vec::new();
    for input in inputs {
        put(&mut node, NODE_INPUT, input.as_bytes());
    }
    put(&mut node, NODE_OUTPUT, output.as_bytes());
    put(&mut node, NODE_NAME, format!("{output}/{operator}").as_bytes());
    put(&mut node, NODE_OPERATOR, operator.as_bytes());
    if let Some(attribute) = attribute {
        put(&mut node, NODE_ATTRIBUTE, attribute);
    }
    put(nodes, GRAPH_NODE, &node);
}

fn put(message: &mut Vec<u8>, number: u64, content: &[u8]) {
    put_head(message, number, content.len());
    message.extend_from_slice(content);
}

/// The tag and the length of a field of bytes.
fn put_head(message: &mut Vec<u8>, number: u64, length: usize) {
    put_varint(message, number << 3 | 2);
    put_varint(message, length as u64);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn text(bytes: &[u8]) -> Result<&str, SpeechError> {
    std::str::from_utf8(bytes).map_err(|_| malformed())
}

fn malformed() -> SpeechError {
    SpeechError::Malformed("the network is not ONNX, or is cut off".to_owned())
}

/// A field of a protobuf message: its number, its content, and the bytes it takes, tag included.
struct Field<'a> {
    number: u64,
    content: Content<'a>,
    place: Range<usize>,
}

enum Content<'a> {
    Number(u64),
    Four([u8; 4]),
    Eight,
    Bytes(&'a [u8]),
}

/// The fields of a protobuf message, in the order they stand.
struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn of(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.message.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let end = self.at.checked_add(usize::try_from(length).ok()?)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Content::Eight
            }
            2 => {
                let length = self.varint()?;
                Content::Bytes(self.take(length)?)
            }
            5 => Content::Four(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some(Field { number: tag >> 3, content, place: start..self.at })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, SpeechError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.message.len() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            // Nothing after a broken field can be told apart.
            self.at = self.message.len();
        }
        Some(field.ok_or_else(malformed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(name: &str, integer: u64) -> Vec<u8> {
        let mut attribute = Vec::new();
        put(&mut attribute, ATTRIBUTE_NAME, name.as_bytes());
        put_varint(&mut attribute, ATTRIBUTE_INTEGER << 3);
        put_varint(&mut attribute, integer);
        attribute
    }

    /// A model with a node before and one after that of the given operator and attributes.
    fn model(operator: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut node = Vec::new();
        put(&mut node, NODE_INPUT, b"left");
        put(&mut node, NODE_INPUT, b"right");
        put(&mut node, NODE_OUTPUT, b"product");
        put(&mut node, NODE_OPERATOR, operator.as_bytes());
        attributes.iter().for_each(|attribute| put(&mut node, NODE_ATTRIBUTE, attribute));
        let mut graph = Vec::new();
        put_node(&mut graph, "Exp", &["x"], "left", None);
        put(&mut graph, GRAPH_NODE, &node);
        put_node(&mut graph, "Log", &["product"], "y", None);
        let mut model = vec![8, 9];
        put(&mut model, MODEL_GRAPH, &graph);
        put(&mut model, 8, b"opset");
        model
    }

    /// Operator, inputs and output of every node.
    fn nodes(model: &[u8]) -> Vec<String> {
        let graph = Fields::of(model).map(Result::unwrap).find(|field| field.number == MODEL_GRAPH).unwrap();
        let Content::Bytes(graph) = graph.content else { panic!("the graph is a message") };
        let nodes = Fields::of(graph).map(|field| match field.unwrap().content {
            Content::Bytes(node) => Node::read(node).unwrap(),
            _ => panic!("a node is a message"),
        });
        nodes.map(|node| format!("{} {} -> {}", node.operator, node.inputs.join(" "), node.outputs.join(" "))).collect()
    }

    fn unfused(model: &[u8]) -> Result<Vec<u8>, SpeechError> {
        let mut output = Vec::new();
        unfuse(model, &mut output).map(|()| output)
    }

    #[test]
    fn a_fused_product_becomes_a_transpose_and_a_product_in_its_place() {
        let model = model("FusedMatMul", &[attribute("transA", 1), attribute("transB", 0)]);
        let output = unfused(&model).unwrap();
        assert_eq!(
            nodes(&output),
            [
                "Exp x -> left",
                "Transpose left -> left/transposed",
                "MatMul left/transposed right -> product",
                "Log product -> y"
            ]
        );
        assert!(output.starts_with(&model[..2]) && output.ends_with(b"opset"), "the rest is as it was");
    }

    #[test]
    fn a_network_without_one_stays_as_it_is() {
        let model = model("MatMul", &[]);
        assert_eq!(unfused(&model).unwrap(), model);
    }

    #[test]
    fn what_would_change_the_result_is_refused() {
        let model = model("FusedMatMul", &[attribute("transBatchA", 1)]);
        let error = unfused(&model).unwrap_err().to_string();
        assert!(error.contains("transBatchA"), "{error}");
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_refused_or_passed_on(bytes in any::<Vec<u8>>(), cut in 0usize..200) {
            // Any answer will do; a panic will not.
            let _ = unfused(&bytes);
            let model = model("FusedMatMul", &[attribute("transA", 1)]);
            let _ = unfused(&model[..cut.min(model.len())]);
        }
    }
}
