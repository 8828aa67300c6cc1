#[ringmesh::main]
fn main() {}
