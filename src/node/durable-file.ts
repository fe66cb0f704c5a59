/**
 * Shell function `save FILE MODE`: puts its input into FILE, whole or not at all. Once it has returned, the file is there
 * after a power cut too. Without the sync of the folder, the node could boot with the file that FILE has replaced.
 */
export const saveFunction = `save() { cat >"$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "\${1%/*}"; }`;
