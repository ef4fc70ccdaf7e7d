using StreamRnn.Trainer.Recipes;

namespace StreamRnn.Trainer.Tests;

public class DefaultModelTests
{
    [Fact]
    public void The_shipped_file_is_what_its_program_writes()
    {
        byte[] shipped = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "default.safetensors"));
        Assert.True(DefaultModel.Format().AsSpan().SequenceEqual(shipped),
            "models/default.safetensors is not what models/make-default.cs writes; if the change is meant, run that program");
    }

    [Fact]
    public void Another_seed_is_another_model() => Assert.NotEqual(DefaultModel.Format(), DefaultModel.Format(seed: 1));
}
