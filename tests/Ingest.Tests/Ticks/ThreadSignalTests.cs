using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Ingest.Tests.Ticks;

public class ThreadSignalTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public void Two_threads_that_wake_each_other_miss_nothing()
    {
        const int Rounds = 20_000;
        ThreadSignal ping = new(), pong = new();
        int served = 0;
        Thread other = new(() =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                ping.Wait();
                served++;
                pong.Set();
            }
        });
        other.Start();
        for (int round = 1; round <= Rounds; round++)
        {
            ping.Set();
            pong.Wait();
            Assert.Equal(round, served);
        }
        Assert.True(other.Join(Patience));
    }

    [Fact]
    public void Set_twice_it_wakes_once()
    {
        ThreadSignal signal = new();
        signal.Set();
        signal.Set();
        signal.Wait();
        int woken = 0;
        Thread waiting = new(() =>
        {
            signal.Wait();
            Interlocked.Increment(ref woken);
        });
        waiting.Start();
        SpinWait.SpinUntil(() => waiting.ThreadState == ThreadState.WaitSleepJoin || woken > 0, TimeSpan.FromMilliseconds(50));
        Assert.Equal(0, Volatile.Read(ref woken));
        signal.Set();
        Assert.True(waiting.Join(Patience));
        Assert.Equal(1, woken);
    }
}
