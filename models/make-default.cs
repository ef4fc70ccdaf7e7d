using StreamRnn.Trainer.Recipes;

#:project ../src/Trainer/Trainer.csproj
#:property PublishAot=false
// Writes the shipped model: dotnet run -c Release models/make-default.cs
using StreamRnn.Trainer.Recipes;

File.WriteAllBytes("models/default.safetensors", DefaultModel.Format());
