mod text;

fn main() {
    println!("{}", text::HELLO);
}
