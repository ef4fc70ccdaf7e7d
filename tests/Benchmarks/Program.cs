using BenchmarkDotNet.Running;
using StreamRnn.Benchmarks.Cells;
using StreamRnn.Benchmarks.Ingest;
using StreamRnn.Benchmarks.Mqtt;

namespace StreamRnn.Benchmarks;

/// <summary>Commands of our own by name; anything else is BenchmarkDotNet's.</summary>
internal static class BenchmarkProgram
{
    private static int Main(string[] args)
    {
        switch (args.FirstOrDefault())
        {
            case "fuzz-mqtt":
                return MqttFuzz.Run(Option(args, "--cases", 1_000_000), Option(args, "--seed", 1));
            case "broker-load":
                return BrokerLoad.Run(Option(args, "--messages", 400_000));
            case "cell-peers":
                CellPeers.Print(Console.Out);
                return 0;
            case "broker-serve":
                return BrokerLoad.Serve();
            case "fuzz-payloads":
                return PayloadFuzz.Run(Option(args, "--cases", 1_000_000), Option(args, "--seed", 1));
            case "client-drain":
                return ClientDrain.Run(Option(args, "--messages", 200_000));
            default:
                BenchmarkSwitcher.FromAssembly(typeof(BenchmarkProgram).Assembly).Run(args);
                return 0;
        }
    }

    private static int Option(string[] args, string name, int otherwise)
    {
        int index = Array.IndexOf(args, name);
        return index < 0 ? otherwise : int.Parse(args[index + 1]);
    }
}
