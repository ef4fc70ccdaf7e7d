using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamRnn.Detection;
using StreamRnn.Engine.Publish;
using StreamRnn.Engine.Stepping;
using StreamRnn.Engine.Streams;
using StreamRnn.Engine.Telemetry;
using StreamRnn.Ingest.Ticks;
using StreamRnn.Lab.Cli;
using StreamRnn.Trainer.Evaluation;

namespace StreamRnn.Worker.Verbs;

/// <summary><c>streamrnn nab</c>: the Numenta Anomaly Benchmark through the engine, beside the published table.</summary>
internal static class NabCommand
{
    private static readonly string ShippedCorpus = Path.Combine(AppContext.BaseDirectory, "samples", "nab", "nab.tar.br");

    public static Command Create()
    {
        Option<string> data = new("--data")
        {
            Description = "Folder with data/ and labels/ as in the NAB repository; the corpus shipped with the executable if not given.",
            DefaultValueFactory = _ => ShippedCorpus,
            HelpName = "DIR",
        };
        Option<string?> model = new("--model") { Description = "Model file; the shipped one if not given.", HelpName = "FILE" };
        Option<bool> json = new("--json") { Description = "The scores as one JSON object." };

        Command nab = new("nab", "Replays the Numenta Anomaly Benchmark and prints its three scores beside the published table.") { data, model, json };
        nab.SetAction(parsed =>
        {
            NabCorpus corpus = NabCorpus.Load(parsed.GetRequiredValue(data));
            Forecaster forecaster = ShippedModel.Load(parsed.GetValue(model));
            long startedAt = Stopwatch.GetTimestamp();
            NabResult result = NabScorer.Score(corpus, Scores(corpus, forecaster, Environment.ProcessorCount));
            double seconds = Stopwatch.GetElapsedTime(startedAt).TotalSeconds;

            if (parsed.GetValue(json))
                PrintJson(result, forecaster.Name, corpus, seconds);
            else
                PrintTable(result, forecaster.Name, corpus, seconds);
            return CommandLine.Success;
        });
        return nab;
    }

    /// <summary>Scores every row of every recording, each as a separate stream.</summary>
    internal static double[][] Scores(NabCorpus corpus, Forecaster forecaster, int shards)
    {
        ScoreSink sink = new(corpus);
        using WorkerMetrics metrics = new();
        StreamEngine engine = new(new StreamModels(forecaster), new EngineCapacity(shards), metrics, sink);
        engine.Start();

        TickRouter router = new(engine.Inboxes);
        PacketBlocks packet = new();
        int longest = corpus.Recordings.Max(recording => recording.Values.Length);
        for (int row = 0; row < longest; row++)
        {
            for (int stream = 0; stream < corpus.Recordings.Count; stream++)
            {
                NabRecording recording = corpus.Recordings[stream];
                if (row >= recording.Values.Length)
                    continue;
                packet.Begin();
                packet.Add(new Tick { Stream = stream, Time = recording.Times[row], Value = recording.Values[row], Number = row });
                router.Route(packet);
            }
        }
        engine.Drain();
        return sink.Scores;
    }

    private static void PrintTable(NabResult result, string model, NabCorpus corpus, double seconds)
    {
        Console.WriteLine($"{corpus.Recordings.Count} recordings, {corpus.WindowCount} windows, {corpus.Recordings.Sum(r => r.Values.Length):n0} rows in {seconds:f1} s\n");
        Console.WriteLine($"{"detector",-24}{"standard",10}{"low FP",10}{"low FN",10}");
        string own = $"{model} (this)";
        NabPublished[] table =
        [
            .. NabPublished.Table,
            new NabPublished(own, result.Standard.Score, result.LowFalsePositives.Score, result.LowFalseNegatives.Score),
        ];
        foreach (NabPublished row in table.OrderByDescending(row => row.Standard))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{row.Detector,-24}{row.Standard,10:f1}{row.LowFalsePositives,10:f1}{row.LowFalseNegatives,10:f1}"));
        }

        Console.WriteLine($"\nthreshold {result.Standard.Threshold:g6} / {result.LowFalsePositives.Threshold:g6} / {result.LowFalseNegatives.Threshold:g6}: "
            + $"{result.Standard.Detected} windows found, {result.Standard.FalseAlarms} false alarm rows (standard)");
        Console.WriteLine($"at the fixed line {NabScorer.FixedLine}: standard {result.AtFixedLine.Score:f1}, {result.AtFixedLine.Detected} windows found, "
            + $"{result.AtFixedLine.FalseAlarms} false alarm rows");
    }

    private static void PrintJson(NabResult result, string model, NabCorpus corpus, double seconds) =>
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            model,
            recordings = corpus.Recordings.Count,
            windows = corpus.WindowCount,
            standard = result.Standard.Score,
            lowFp = result.LowFalsePositives.Score,
            lowFn = result.LowFalseNegatives.Score,
            standardAtFixedLine = result.AtFixedLine.Score,
            fixedLine = NabScorer.FixedLine,
            detected = result.Standard.Detected,
            falseAlarms = result.Standard.FalseAlarms,
            seconds,
        }, JsonSerializerOptions.Web));

    private sealed class ScoreSink(NabCorpus corpus) : IForecastSink
    {
        public double[][] Scores { get; } = [.. corpus.Recordings.Select(recording => new double[recording.Values.Length])];

        public string Name { get; } = "scores";

        public void Write(ReadOnlySpan<Forecast> forecasts)
        {
            foreach (ref readonly Forecast forecast in forecasts)
                Scores[forecast.Stream][forecast.Number] = forecast.Verdict.Score;
        }

        public void Complete()
        {
        }
    }
}
