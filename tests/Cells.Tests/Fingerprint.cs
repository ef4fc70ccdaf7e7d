using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using StreamRnn.Cells.Kernels;
using Xunit.Runner.InProc.SystemConsole;

namespace StreamRnn.Cells.Tests;

/// <summary>
/// One hash over the numbers of every cell case and every window with its gradients, printed by a process of its own, so that the runtime can be told to be another machine.
/// </summary>
internal static class Fingerprint
{
    private const string Only = "--fingerprint";

    /// <summary>The runner of the tests, and with <see cref="Only"/> the process that <see cref="InProcessWith"/> starts.</summary>
    private static async Task<int> Main(string[] args)
    {
        if (args is not [Only])
            return await ConsoleRunner.Run(args);
        Console.WriteLine($"{LaneWidth.Floats} {Compute()}");
        return 0;
    }

    public static string Compute()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (CellCase cell in CellCase.Cases)
        {
            foreach (int[] stream in cell.Run(cell.Model(), [.. Enumerable.Range(0, 11)], steps: 40))
                hash.AppendData(MemoryMarshal.AsBytes(stream.AsSpan()));
        }

        foreach (WindowCase window in WindowCase.Cases)
        {
            foreach (float[] values in window.Run())
                hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The lane width and the hash of a process with these environment variables.</summary>
    public static (int LaneFloats, string Hash) InProcessWith(params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        start.ArgumentList.Add(Only);
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        string[] words = process.StandardOutput.ReadToEnd().Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return (int.Parse(words[0]), words[1]);
    }
}
