//! How much of what was said was heard.

/// The words of a text as they are compared: lower case, without punctuation.
pub fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Word error rate: words inserted, left out or changed over the words that were said (Levenshtein distance).
pub fn word_error_rate(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    edits(&said, &heard) as f64 / said.len().max(1) as f64
}

/// Levenshtein distance: what must be inserted, deleted or changed to make the one the other.
pub fn edits<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, item) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..other.len() {
            let changed = diagonal + usize::from(*item != other[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_word() {
        assert_eq!(word_error_rate("please call me back", "Please, call me back."), 0.0);
        assert_eq!(word_error_rate("please call me back", "please fall me"), 0.5);
        assert_eq!(word_error_rate("one two", ""), 1.0);
        assert_eq!(word_error_rate("one", "one and one"), 2.0);
    }
}
