using BenchmarkDotNet.Running;
using StreamRnn.Benchmarks.Cells;

namespace StreamRnn.Benchmarks;

/// <summary><c>cell-peers</c> prints the cells beside a plain implementation; anything else is BenchmarkDotNet's.</summary>
internal static class BenchmarkProgram
{
    private static void Main(string[] args)
    {
        if (args is ["cell-peers"])
            CellPeers.Print(Console.Out);
        else
            BenchmarkSwitcher.FromAssembly(typeof(BenchmarkProgram).Assembly).Run(args);
    }
}
