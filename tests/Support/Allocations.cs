namespace StreamRnn.Support;

/// <summary>What this thread allocates, measured so that other tests on a loaded machine do not count.</summary>
public static class Allocations
{
    private const int Rounds = 8;

    /// <summary>
    /// Bytes of the best of a few rounds, after one to warm up. What is made once counts in one round and not in the next: an event of a lock
    /// that was contended for the first time, a method that the runtime has just compiled again. What a call allocates counts in each.
    /// </summary>
    /// <param name="action">Called so many times a round.</param>
    public static long Least(int times, Action action)
    {
        long least = long.MaxValue;
        for (int round = 0; round <= Rounds && least > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < times; i++)
                action();
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (round > 0)
                least = Math.Min(least, allocated);
        }
        return least;
    }
}
