//! The templates of containerImage, unsignedImage and filesToSign.
//!
//! KMM substitutes with `a8m/envsubst` in its quick mode without restrictions. Its lexer and
//! parser have corners that matter (a variable's operator is looked for after every variable
//! inside braces, text that is no operator is dropped before `}`), so their states are kept
//! apart here as they are there (`parse/lex.go`, `parse/parse.go`).

use std::collections::VecDeque;
use std::sync::LazyLock;

use regex::Regex;

/// A template that KMM cannot substitute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// `${` without its `}` on the same line.
    #[error("failed to substitute {0:?}: closing brace expected")]
    Unterminated(String),
    /// A template on which KMM's engine never ends.
    #[error("failed to substitute {0:?}: `$_` cannot stand inside braces")]
    Endless(String),
}

/// Names and values, in order; the first of a name counts.
pub(crate) type Variables = [(&'static str, String)];

/// Substitutes `$NAME`, `${NAME}` and the operators `-`, `:-`, `=`, `:=`, `+`, `:+`; `$$` is a
/// dollar sign and an unknown variable is empty.
///
/// # Errors
/// The template is broken.
pub(crate) fn substitute(template: &str, variables: &Variables) -> Result<String, TemplateError> {
    let mut tokens = Lexer::new(template).run();
    let mut out = String::new();
    let unterminated = || TemplateError::Unterminated(template.to_owned());
    while let Some(token) = tokens.pop_front() {
        match token {
            Token::Error => return Err(unterminated()),
            Token::Variable(name) => {
                out.push_str(value(variables, name.trim_start_matches_once('$')));
            }
            Token::Open if matches!(tokens.front(), Some(Token::Variable(_))) => {
                out.push_str(&expression(template, &mut tokens, variables)?);
            }
            other => out.push_str(other.text()),
        }
    }
    Ok(out)
}

/// The inside of `${…}` up to its brace: a variable, an operator and what stands after it.
fn expression(
    template: &str,
    tokens: &mut VecDeque<Token<'_>>,
    variables: &Variables,
) -> Result<String, TemplateError> {
    let name = match tokens.pop_front() {
        Some(Token::Variable(name)) => name,
        _ => "",
    };
    let mut operator = None;
    let mut default: Option<String> = None;
    loop {
        match tokens.pop_front() {
            Some(Token::Close(_)) => break,
            Some(Token::Error) => return Err(TemplateError::Unterminated(template.to_owned())),
            None => return Err(TemplateError::Endless(template.to_owned())),
            Some(Token::Variable(name)) => {
                default = Some(value(variables, name.trim_start_matches_once('$')).to_owned());
            }
            Some(Token::Text(text)) => {
                let mut all = text.to_owned();
                while let Some(token) = tokens.front() {
                    if matches!(token, Token::Close(_) | Token::Error) {
                        break;
                    }
                    all.push_str(token.text());
                    tokens.pop_front();
                }
                default = Some(all);
            }
            Some(Token::Operator(text)) => operator = Some(text),
            Some(Token::Open) => {}
        }
    }
    let set = lookup(variables, name);
    Ok(match (operator, default) {
        (Some(":-" | ":="), Some(default)) => match set {
            Some(value) if !value.is_empty() => value.to_owned(),
            _ => default,
        },
        (Some("+" | ":+"), Some(default)) => set.map(|_| default).unwrap_or_default(),
        (Some(_), Some(default)) => set.map_or(default, str::to_owned),
        _ => set.unwrap_or_default().to_owned(),
    })
}

fn lookup<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.as_str())
}

fn value<'a>(variables: &'a Variables, name: &str) -> &'a str {
    lookup(variables, name).unwrap_or_default()
}

trait TrimOnce {
    /// The text without one such character at its start.
    fn trim_start_matches_once(&self, c: char) -> &str;
}

impl TrimOnce for str {
    fn trim_start_matches_once(&self, c: char) -> &str {
        self.strip_prefix(c).unwrap_or(self)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Text(&'a str),
    Variable(&'a str),
    Operator(&'a str),
    Open,
    Close(&'a str),
    Error,
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Variable(text) | Self::Operator(text) | Self::Close(text) => {
                text
            }
            Self::Open => "${",
            Self::Error => "",
        }
    }
}

enum State {
    Text,
    Variable,
    Operator,
    Substitution,
    End,
}

struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    start: usize,
    last: usize,
    depth: u32,
    tokens: VecDeque<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn new(input: &'a str) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            last: 0,
            depth: 0,
            tokens: VecDeque::new(),
        }
    }

    fn run(mut self) -> VecDeque<Token<'a>> {
        let mut state = State::Text;
        loop {
            state = match state {
                State::Text => self.text(),
                State::Variable => self.variable(),
                State::Operator => self.operator(),
                State::Substitution => self.substitution(),
                State::End => return self.tokens,
            };
        }
    }

    fn peek(&self) -> Option<char> {
        self.input[self.pos..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn emit(&mut self, token: fn(&'a str) -> Token<'a>) {
        self.tokens
            .push_back(token(&self.input[self.start..self.pos]));
        self.last = self.start;
        self.start = self.pos;
    }

    fn text(&mut self) -> State {
        while let Some(c) = self.next() {
            if c != '$' {
                continue;
            }
            if self.pos - 1 > self.start {
                self.pos -= 1;
                self.emit(Token::Text);
                self.pos += 1;
            }
            match self.peek() {
                Some('$') => {
                    self.start = self.pos;
                    self.next();
                    self.emit(Token::Text);
                }
                Some('{') => {
                    self.next();
                    self.depth += 1;
                    self.emit(|_| Token::Open);
                    return State::Operator;
                }
                Some(c) if is_word(c) => return State::Variable,
                _ => {}
            }
        }
        if self.pos > self.start {
            self.emit(Token::Text);
        }
        State::End
    }

    fn variable(&mut self) -> State {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if matches!(&self.input[self.start..self.pos], "_" | "$_") {
            return State::Text;
        }
        self.emit(Token::Variable);
        if self.depth > 0 {
            State::Operator
        } else {
            State::Text
        }
    }

    /// Ends the lexing at the end of a line, or the braces at `}`.
    fn edge(&mut self, c: Option<char>) -> Option<State> {
        match c {
            Some('}') => {
                self.depth = self.depth.saturating_sub(1);
                self.emit(Token::Close);
                Some(State::Text)
            }
            None | Some('\r' | '\n') => {
                self.tokens.push_back(Token::Error);
                Some(State::End)
            }
            _ => None,
        }
    }

    fn after_open(&self, c: Option<char>) -> bool {
        c.is_some_and(is_word) && self.input[self.last..].starts_with("${")
    }

    fn operator(&mut self) -> State {
        let c = self.next();
        if let Some(state) = self.edge(c) {
            return state;
        }
        if self.after_open(c) {
            return State::Variable;
        }
        match c {
            Some('+' | '-' | '=') => self.emit(Token::Operator),
            Some(':') => {
                if let Some('-' | '=' | '+') = self.next() {
                    self.emit(Token::Operator);
                }
            }
            _ => {}
        }
        State::Substitution
    }

    fn substitution(&mut self) -> State {
        let c = self.next();
        if let Some(state) = self.edge(c) {
            return state;
        }
        if self.after_open(c) || c == Some('$') {
            return State::Variable;
        }
        self.emit(Token::Text);
        State::Substitution
    }
}

/// Go's `unicode.IsLetter`, `unicode.IsDigit` or an underscore: of the signs that are numbers
/// only decimal digits, of the alphabetic ones only letters.
fn is_word(c: char) -> bool {
    static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{Nd}]").ok());
    if c.is_ascii() {
        return c == '_' || c.is_ascii_alphanumeric();
    }
    let mut bytes = [0; 4];
    WORD.as_ref()
        .is_some_and(|word| word.is_match(c.encode_utf8(&mut bytes)))
}

#[cfg(test)]
mod tests;
