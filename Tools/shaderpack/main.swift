import CShaderc
import Foundation
let compiler = shaderc_compiler_initialize()
shaderc_compiler_release(compiler)
try "".write(toFile: CommandLine.arguments[3], atomically: true, encoding: .utf8)
