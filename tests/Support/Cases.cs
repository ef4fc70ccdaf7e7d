using System.Globalization;
using CsCheck;

namespace StreamRnn.Support;

/// <summary>Made-up cases from fixed seeds: every run checks the same ones.</summary>
public static class Cases
{
    private const string Factor = "STREAMRNN_CASES";

    /// <summary>Times as many cases as usual; 1 unless <c>STREAMRNN_CASES</c> in the environment asks for a longer search.</summary>
    public static int Times { get; } = int.TryParse(Environment.GetEnvironmentVariable(Factor), CultureInfo.InvariantCulture, out int times) ? times : 1;

    /// <summary>Checks what holds of every case. CsCheck looks for a smaller one than the first that fails, and names its seed.</summary>
    public static void Check<T>(Gen<T> cases, Action<T> holds, int count = 200)
    {
        for (uint number = 0; number < count * Times; number++)
        {
            PCG pcg = new(number, 20261201);
            string seed = pcg.ToString();
            T one = cases.Generate(pcg, null, out _);
            if (Record.Exception(() => holds(one)) is not Exception failure)
                continue;
            cases.Sample(holds, seed: seed, iter: 5000, threads: 1);
            throw new InvalidOperationException($"case {number}, seed {seed}, failed once and not again", failure);
        }
    }
}
