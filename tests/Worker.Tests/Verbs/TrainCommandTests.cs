using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace StreamRnn.Worker.Tests.Verbs;

[Trait("speed", "slow")]
public sealed class TrainCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("train").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_killed_run_that_goes_on_ends_with_the_file_of_one_that_was_not_and_the_worker_runs_it()
    {
        string recording = Write("flow.csv", ["time,flow", .. Enumerable.Range(0, 500).Select(row => string.Create(CultureInfo.InvariantCulture,
            $"{1767225600 + row * 3600},{20 + 5 * Math.Sin(row * Math.PI / 12) + row * row % 17 * 0.05:f3}"))]);
        string[] settings = ["--hidden", "8", "--epochs", "40", "--patience", "0"];
        string whole = Path.Combine(_folder, "whole.safetensors"), killed = Path.Combine(_folder, "killed.safetensors");
        (int exitCode, string output, string error) = await Executable.RunAsync(["train", recording, "--out", whole, "--json", "--threads", "2", .. settings]);
        Assert.Equal((0, ""), (exitCode, error));   // quiet in a pipe
        using (JsonDocument summary = JsonDocument.Parse(output))
        {
            Assert.Equal(40, summary.RootElement.GetProperty("history").GetArrayLength());
            Assert.Equal(["mse", "mae"], summary.RootElement.GetProperty("test")[0].GetProperty("forecasts")[0].EnumerateObject().Select(p => p.Name).Where(name => name is "mse" or "mae"));
        }

        using (Process process = Executable.Start(["train", recording, "--out", killed, .. settings]))
        {
            Stopwatch waited = Stopwatch.StartNew();
            while (!File.Exists(killed + ".checkpoint") && !process.HasExited && waited.Elapsed < TimeSpan.FromSeconds(60))
                await Task.Yield();
            process.Kill();
            await process.WaitForExitAsync();
        }
        (exitCode, output, _) = await Executable.FinishAsync(Executable.Start(["train", recording, "--out", killed, "--resume", .. settings],
            environment: new Dictionary<string, string> { ["DOTNET_EnableAVX512"] = "0", ["DOTNET_EnableAVX2"] = "0" }));   // on a narrower machine
        Assert.Equal(0, exitCode);
        Assert.Contains("persistence", output);
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(killed));
        Assert.False(File.Exists(killed + ".checkpoint"));
        Assert.True(File.Exists(Path.Combine(_folder, "killed.html")));

        (exitCode, output, _) = await Executable.RunAsync("evaluate", recording, "--model", whole, "--from", "400", "--json");
        using JsonDocument line = JsonDocument.Parse(output);
        Assert.StartsWith("whole@", line.RootElement.GetProperty("forecasts")[0].GetProperty("name").GetString());
        Assert.InRange(line.RootElement.GetProperty("skill").GetDouble(), 0.5, 1);
    }

    [Fact]
    public async Task A_sweep_prints_its_runs_and_saves_the_best()
    {
        string recording = Write("flow.csv", ["time,flow", .. Enumerable.Range(0, 300).Select(row => string.Create(CultureInfo.InvariantCulture, $"{row},{row * row % 31}"))]);
        (_, string tied, _) = await Executable.RunAsync("train", recording, "--out", Path.Combine(_folder, "tied.safetensors"),
            "--epochs", "1", "--lr", "1e-9", "--hidden", "4", "--weight-decay", "0", "--sweep", "epochs=1,1");
        Assert.Contains("2 runs tie", tied);
        (int exitCode, string output, string error) = await Executable.RunAsync("train", recording, "--out", Path.Combine(_folder, "m.safetensors"),
            "--epochs", "2", "--sweep", "hidden=4,8", "--sweep", "cell=gru,lstm");
        Assert.Equal((0, ""), (exitCode, error));
        string[] runs = [.. output.Split('\n').Where(text => text.StartsWith("hidden=", StringComparison.Ordinal))];
        Assert.Equal(4, runs.Length);
        Assert.Contains("saved", runs[0]);
        Assert.True(File.Exists(Path.Combine(_folder, "m.safetensors")));
    }

    [Theory]
    [InlineData(1, "line 3, column flow: the cell is empty", "time,flow", "0,1", "1,", "2,3")]
    [InlineData(1, "line 103, column flow: 'high' is no finite number", "TEXT")]
    [InlineData(1, "there is nothing to learn", "CONSTANT")]
    [InlineData(1, "1 row is too few; ", "time,flow", "0,1")]
    [InlineData(1, "0 rows are too few", "time,flow")]
    public async Task A_recording_that_teaches_nothing_is_refused_in_one_line(int expected, string reason, params string[] lines)
    {
        string recording = Write("flow.csv", lines[0] switch
        {
            "TEXT" => ["time,flow", .. Enumerable.Range(0, 200).Select(row => $"{row},{(row == 101 ? "high" : $"{row}")}")],
            "CONSTANT" => ["time,flow", .. Enumerable.Range(0, 200).Select(row => $"{row},5")],
            _ => lines,
        });
        foreach (string recipe in (string[])["stream", "window60"])
        {
            (int exitCode, _, string error) = await Executable.RunAsync("train", recording, "--recipe", recipe, "--out", Path.Combine(_folder, "m.safetensors"));
            Assert.Equal(expected, exitCode);
            Assert.Contains(recording, error);
            Assert.DoesNotContain("[0, -", error);
            Assert.Contains(reason, Assert.Single(error.Trim().Split('\n')));
            Assert.False(File.Exists(Path.Combine(_folder, "m.safetensors")));
        }
    }

    [Theory]
    [InlineData("--hidden is '0'", "--hidden", "0")]
    [InlineData("--split is '2,2'", "--split", "2,2")]
    [InlineData("--recipe is 'window61'; it takes stream or window60", "--recipe", "window61")]
    [InlineData("--gaps is 'fill'", "--gaps", "fill")]
    [InlineData("--hidden is 'x'", "--sweep", "hidden=4,x")]
    [InlineData("There is no setting 'hiden'", "--sweep", "hiden=4")]
    [InlineData("a sweep keeps no checkpoints", "--sweep", "hidden=4,8", "--resume")]
    [InlineData("--out is 'a.csv'", "--out", "a.csv")]
    [InlineData("--out is 'm.json'", "--out", "m.json")]
    [InlineData("--out is '.safetensors'", "--out", ".safetensors")]
    public async Task A_setting_that_cannot_be_is_a_usage_error(string reason, params string[] options)
    {
        (int exitCode, _, string error) = await Executable.RunAsync(["train", "a.csv", .. options.Contains("--out") ? [] : (string[])["--out", "m.safetensors"], .. options]);
        Assert.Equal(2, exitCode);
        Assert.Contains(reason, Assert.Single(error.Trim().Split('\n')));
    }

    [Fact]
    public async Task Where_the_model_goes_is_settled_before_the_recording_is_read()
    {
        string file = Write("file", ""), folder = Directory.CreateDirectory(Path.Combine(_folder, "folder.safetensors")).FullName;
        (int exitCode, _, string error) = await Executable.RunAsync("train", "missing.csv", "--out", Path.Combine(file, "m.safetensors"));
        Assert.Equal(1, exitCode);
        Assert.Contains("cannot be made or written to; name a model file in another", Assert.Single(error.Trim().Split('\n')));
        Assert.DoesNotContain(".probe", error);
        (exitCode, _, error) = await Executable.RunAsync("train", "missing.csv", "--out", folder);
        Assert.Equal(2, exitCode);
        Assert.Contains("a folder", Assert.Single(error.Trim().Split('\n')));
    }

    [Fact]
    public async Task What_a_recording_lacks_and_a_checkpoint_that_is_not_there_are_told()
    {
        string numbered = Write("flow.csv", ["flow", .. Enumerable.Range(0, 200).Select(row => $"{row * row % 31}")]);
        string still = Write("still.csv", ["time,flow", .. Enumerable.Range(0, 200).Select(row => $"5,{row * row % 31}")]);
        string model = Path.Combine(_folder, "new", "m.safetensors");
        string[] short_ = ["--hidden", "4", "--epochs", "1"];
        (int exitCode, _, string error) = await Executable.RunAsync(["train", numbered, "--out", model, "--resume", .. short_]);
        Assert.Equal(0, exitCode);
        Assert.Contains("1 of the files have no time column; their rows were taken as one second apart", error);
        Assert.Contains($"no checkpoint at {model}.checkpoint: starting afresh", error);
        (exitCode, _, error) = await Executable.RunAsync(["train", still, "--out", model, .. short_]);
        Assert.Equal(0, exitCode);
        Assert.Contains("all rows have the same time", error);
        Assert.Equal(["m.html", "m.json", "m.safetensors"], Directory.GetFiles(Path.GetDirectoryName(model)!).Select(Path.GetFileName).Order());
    }

    private string Write(string name, params string[] lines)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
