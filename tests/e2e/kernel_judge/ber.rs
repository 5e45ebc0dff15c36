//! Takes a signature's message apart and writes it in ways in which no signer would.

/// An element.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) tag: u8,
    pub(crate) content: Content,
    pub(crate) length: Length,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Nodes(Vec<Node>),
}

/// How a length is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    /// In as few bytes as it takes.
    Shortest,
    /// In so many bytes behind the first.
    Wide(usize),
    /// Not at all: two zeros end the content.
    Open,
}

impl Node {
    /// An element without elements in it.
    pub(crate) fn leaf(tag: u8, bytes: &[u8]) -> Self {
        Self {
            tag,
            content: Content::Bytes(bytes.to_vec()),
            length: Length::Shortest,
        }
    }

    /// An element of elements.
    pub(crate) fn of(tag: u8, nodes: Vec<Self>) -> Self {
        Self {
            tag,
            content: Content::Nodes(nodes),
            length: Length::Shortest,
        }
    }

    /// The one element (DER) of some bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut nodes = parse_all(bytes);
        assert_eq!(nodes.len(), 1, "one element");
        nodes.remove(0)
    }

    /// The element below this one, by the places on the way.
    pub(crate) fn at(&mut self, path: &[usize]) -> &mut Self {
        path.iter()
            .fold(self, |node, index| &mut node.nodes()[*index])
    }

    pub(crate) fn nodes(&mut self) -> &mut Vec<Self> {
        match &mut self.content {
            Content::Nodes(nodes) => nodes,
            Content::Bytes(_) => panic!("an element of elements"),
        }
    }

    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        match &mut self.content {
            Content::Bytes(bytes) => bytes,
            Content::Nodes(_) => panic!("an element without elements in it"),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut content = match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Nodes(nodes) => nodes.iter().flat_map(Self::encode).collect(),
        };
        let length = u32::try_from(content.len())
            .expect("a short message")
            .to_be_bytes();
        let significant = length.iter().skip_while(|byte| **byte == 0).count();
        let mut bytes = vec![self.tag];
        match self.length {
            Length::Open => {
                bytes.push(0x80);
                content.extend([0, 0]);
            }
            Length::Shortest if content.len() < 0x80 => bytes.push(length[3]),
            Length::Shortest => put(&mut bytes, &length, significant),
            Length::Wide(size) => put(&mut bytes, &length, size),
        }
        bytes.extend(content);
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, length: &[u8; 4], size: usize) {
    bytes.push(0x80 | u8::try_from(size).expect("a few bytes"));
    bytes.extend(&length[4 - size..]);
}

fn parse_all(mut bytes: &[u8]) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let (digits, rest) = rest.split_at(usize::from(first - 0x80));
            let number = |number, digit: &u8| number << 8 | usize::from(*digit);
            (digits.iter().fold(0, number), rest)
        };
        let (content, behind) = rest.split_at(length);
        nodes.push(if tag & 0x20 == 0 {
            Node::leaf(*tag, content)
        } else {
            Node::of(*tag, parse_all(content))
        });
        bytes = behind;
    }
    nodes
}
