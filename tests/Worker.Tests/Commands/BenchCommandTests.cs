using System.Globalization;

namespace StreamRnn.Worker.Tests.Commands;

public class BenchCommandTests
{
    [Fact]
    public async Task Cells_prints_one_line_per_measurement_and_nothing_else()
    {
        (int exitCode, string output, string error) = await Executable.RunAsync(
            "bench", "cells", "--cell", "lstm,gru", "--hidden", "16", "--inputs", "1", "4", "--layers", "2", "--batch", "16", "--seconds", "0.001");

        Assert.Equal(0, exitCode);
        string[][] lines = [.. output.Trim().Split('\n').Select(line => line.Trim().Split(','))];
        string[] expected = [.. from cell in (string[])["lstm", "gru"] from inputs in (int[])[1, 4] from mode in (string[])["lat", "many"]
            select $"streamrnn,{mode},{cell},{inputs},16,2,{(mode == "lat" ? 1 : 16)}"];
        Assert.Equal(expected, lines.Select(line => string.Join(',', line[..7])));
        Assert.All(lines, line => Assert.Equal(9, line.Length));
        Assert.All(lines, line => Assert.True(double.Parse(line[7], CultureInfo.InvariantCulture) > 0));
        // In single precision an error of exactly zero over 1,000 steps would mean that nothing was compared.
        Assert.All(lines, line => Assert.InRange(double.Parse(line[8], CultureInfo.InvariantCulture), 1e-9, 5e-7));
        Assert.Contains("GFLOP/s", error);
    }

    [Theory]
    [InlineData("--cell", "elman")]
    [InlineData("--hidden", "0")]
    [InlineData("--mode", "fast")]
    public async Task What_cells_cannot_measure_is_a_usage_error(string option, string value)
    {
        (int exitCode, string output, string error) = await Executable.RunAsync("bench", "cells", option, value);

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains($"{option} is '{value}'", error);
    }
}
