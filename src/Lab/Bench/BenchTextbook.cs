using System.CommandLine;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Recordings;
using StreamRnn.Lab.Cli;
using StreamRnn.Lab.Textbook;

namespace StreamRnn.Lab.Bench;

/// <summary><c>bench textbook</c>: what the textbooks say of recurrent cells, run on this machine, as a table and as a page of pictures.</summary>
internal static class BenchTextbook
{
    public static Command Create(Option<bool> json)
    {
        Option<string?> output = new("--out") { Description = "Page to write: one HTML file that loads nothing.", HelpName = "FILE" };
        Option<int> steps = Bounded.Option("--steps", "Steps of a window of the adding problem.", 100, value => value is >= 4 and <= 1000, "4 to 1000");
        Option<int> hidden = Bounded.Option("--hidden", "Units of a cell.", 32, value => value is >= 1 and <= 512, "1 to 512");
        Option<int> updates = Bounded.Option("--updates", "Batches that each network learns from.", new TextbookSettings().Updates, value => value is >= 1 and <= 100_000, "1 to 100000");
        Option<ulong> seed = new("--seed") { Description = "Of weights and windows.", DefaultValueFactory = _ => 1 };
        Command textbook = new("textbook", "Runs the textbook claims: the gradient that vanishes in an RNN and not in LSTM and GRU, GRU against LSTM, "
            + "an exploding run that clipping keeps finite. Takes about a minute.") { output, steps, hidden, updates, seed };
        textbook.SetAction(parsed =>
        {
            TextbookReport report = new(
                new TextbookSettings { Steps = parsed.GetValue(steps), Hidden = parsed.GetValue(hidden), Updates = parsed.GetValue(updates), Seed = parsed.GetValue(seed) },
                Sample("nyc_taxi"),
                Tell);
            if (parsed.GetValue(output) is string path)
                File.WriteAllText(path, report.Html());
            Console.WriteLine(parsed.GetValue(json) ? report.Json().ToJsonString() : report.Table());
            return CommandLine.Success;
        });
        return textbook;
    }

    private static void Tell(string what)
    {
        if (!Console.IsErrorRedirected)
            Console.Error.WriteLine($"{what} ...");
    }

    /// <summary>One of the recordings beside the executable.</summary>
    private static TextbookSeries Sample(string name)
    {
        List<long> times = [];
        List<double> values = [];
        using CsvRecording recording = CsvRecording.Open(Path.Combine(AppContext.BaseDirectory, "samples", name + ".csv"));
        while (recording.TryRead())
        {
            if (recording.TryGetValue(0, out double value) != TickFault.None)
                continue;
            times.Add(recording.Time);
            values.Add(value);
        }

        return new TextbookSeries(name, [.. times], [.. values]);
    }
}
