using System.Text.Json;
using StreamRnn.Cells.Files;
using StreamRnn.Cells.Layers;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public sealed class ModelCommandTests : IDisposable
{
    private static readonly string Default = Path.Combine(AppContext.BaseDirectory, "models", "default.safetensors");

    private readonly string _folder = Directory.CreateTempSubdirectory("model").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Check_says_what_was_compared_and_how_far_it_is_off()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("model", "check", Default);
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("golden vectors", output);
        Assert.Contains("within tolerance", output);
    }

    [Fact]
    public async Task Check_of_a_folder_goes_through_all_of_it_and_fails_with_the_first_damaged_file()
    {
        File.Copy(Default, Path.Combine(_folder, "a.safetensors"));
        byte[] bytes = File.ReadAllBytes(Default);
        File.WriteAllBytes(Path.Combine(_folder, "b.safetensors"), bytes[..^100]);
        File.Copy(Default, Path.Combine(_folder, "c.safetensors"));

        (int exitCode, string output, string error) = await Executable.RunAsync("model", "check", _folder, "--json");

        Assert.Equal(1, exitCode);
        bool[] held = [.. output.Trim().Split('\n').Select(line => JsonDocument.Parse(line).RootElement.GetProperty("ok").GetBoolean())];
        Assert.Equal([true, false, true], held);
        string message = Assert.Single(error.Trim().Split('\n'));
        Assert.Contains("b.safetensors", message);
        Assert.Contains("was the copy interrupted?", message);
    }

    [Theory]
    [InlineData("nowhere.safetensors")]
    [InlineData("--data", "nowhere.csv")]
    public async Task Check_refuses_what_is_not_there(params string[] arguments)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(["model", "check", Default, .. arguments]);
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("nowhere", Assert.Single(error.Trim().Split('\n')));
    }

    [Fact]
    public async Task Show_counts_the_parameters_and_says_how_the_worker_uses_the_model()
    {
        (int exitCode, string output, _) = await Executable.RunAsync("model", "show", "--json");
        Assert.Equal(0, exitCode);
        using JsonDocument json = JsonDocument.Parse(output);
        Assert.Equal(3456, json.RootElement.GetProperty("parameterCount").GetInt32());
        Assert.Equal("asinh", json.RootElement.GetProperty("encoder").GetString());
        Assert.Equal(96, json.RootElement.GetProperty("parameters").GetProperty("rnn.weight_hh_l0")[0].GetInt32());
    }

    [Fact]
    public async Task Show_refuses_a_file_that_is_no_model_in_one_line()
    {
        string path = Path.Combine(_folder, "a.safetensors");
        File.WriteAllText(path, "this is no model, but long enough to be one");
        (int exitCode, string output, string error) = await Executable.RunAsync("model", "show", path);
        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("a.safetensors", Assert.Single(error.Trim().Split('\n')));
    }

    [Theory]
    [InlineData("model", "show", "MODEL")]
    [InlineData("model", "check", "MODEL")]
    [InlineData("evaluate", "DATA", "--model", "MODEL")]
    [InlineData("replay", "DATA", "--out", "OUT", "--model", "MODEL")]
    [InlineData("run", "--embedded-broker", "0", "--model", "MODEL")]
    [InlineData("config", "check", "--embedded-broker", "0", "--model", "MODEL")]
    public async Task A_model_that_is_not_there_or_whose_encoder_is_damaged_is_refused_in_one_line_by_every_verb(params string[] arguments)
    {
        string damaged = Path.Combine(_folder, "damaged.safetensors"), data = Path.Combine(_folder, "a.csv");
        ModelShape shape = new(CellKind.Gru, 1, 4, outputs: 1);
        File.WriteAllBytes(damaged, ModelFile.Format(shape, new float[new ParameterLayout(shape).Length],
            new Dictionary<string, string> { ["encoder"] = "stream", ["stream"] = "{bad" }));
        File.WriteAllLines(data, ["time,flow", "0,1", "1,2"]);
        foreach ((string model, string reason) in ((string, string)[])[(damaged, "train it again"), (Path.Combine(_folder, "nowhere.safetensors"), "does not exist;|no such file or folder;")])
        {
            string[] filled = Array.ConvertAll(arguments, argument => argument switch { "MODEL" => model, "DATA" => data, "OUT" => Path.Combine(_folder, "out"), _ => argument });
            (int exitCode, string output, string error) = await Executable.RunAsync(filled);
            Assert.Equal((1, ""), (exitCode, output));
            string message = Assert.Single(error.Trim().Split('\n'));
            Assert.Contains(Path.GetFileNameWithoutExtension(model), message);
            Assert.Matches(reason, message);
        }
    }
}
