#:project ../../src/Trainer/Trainer.csproj
#:property PublishAot=false
// Packs a checkout of the benchmark, with its licence as LICENSE-NAB.txt: dotnet run -c Release samples/nab/pack.cs DIRECTORY
using StreamRnn.Trainer.Evaluation;

NabCorpus.Pack(args[0], "samples/nab/nab.tar.br");
