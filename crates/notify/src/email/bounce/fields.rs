//! Fields of heads and of delivery statuses: a name, a colon, and a value that may go on in further lines.

/// Most fields that are read of a block.
const MOST: usize = 500;

/// The fields of one block.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Those of `text`, up to its first empty line.
    pub(super) fn of(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.trim_end().is_empty()) {
            match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
                (true, Some((_, value)), _) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (_, _, Some((name, value))) => fields.push((name.trim().to_owned(), value.trim().to_owned())),
                _ => {}
            }
            if fields.len() > MOST {
                break;
            }
        }
        Self(fields)
    }

    /// Every value of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of that name.
    pub(super) fn first(&self, name: &str) -> Option<String> {
        self.all(name).next().map(str::to_owned)
    }
}

/// The blocks of fields with empty lines between them.
pub(super) fn blocks(text: &str) -> Vec<Fields> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            blocks.push(String::new());
        } else if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks.iter().filter(|block| !block.is_empty()).map(|block| Fields::of(block)).collect()
}

/// A value without what stands in round brackets (RFC 5322, section 3.2.2).
pub(super) fn without_comments(value: &str) -> String {
    let (mut kept, mut depth) = (String::new(), 0_u32);
    for character in value.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    kept.trim().to_owned()
}

/// The ids in a value, without their angle brackets: `<1@example.com> <2@example.com>`.
pub(super) fn ids(value: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((id, after)) = after.split_once('>') else { break };
        ids.push(id.split_whitespace().collect());
        rest = after;
    }
    if ids.is_empty() {
        // Some leave the brackets away.
        ids.extend(value.split_whitespace().filter(|word| word.contains('@')).map(str::to_owned));
    }
    ids.retain(|id| !id.is_empty());
    ids
}
