using EmbeddedMq.Threading;

namespace EmbeddedMq.RabbitMq.Channels;

/// <summary>Joins the server's confirms and returns on one wire channel to the publishes that they answer.</summary>
/// <remarks>
/// <para>basic.return names no number. The server returns in the order of the publishes and before the confirm of the same publish, so a return
/// belongs to the earliest mandatory publish that is outstanding, not returned yet, and equal to what came back. Two that are equal in every
/// property and byte cannot be told apart, and need not be: whichever is taken, one copy is in a queue and one is not. RabbitMQ.Client's
/// own tracking puts a number into the headers instead, which every consumer would see.</para>
/// <para>Thread-safe. Publishes complete outside the gate, those that were returned after the application was told of the return.</para>
/// </remarks>
/// <param name="events">Where the application is told of returns.</param>
internal sealed class ConfirmTracker(SerialExecutor events)
{
    private const string HiddenCopiesHeader = "BCC";

    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, PendingPublish> _pending = [];    // guarded by _gate
    private readonly LinkedList<PendingPublish> _mandatory = new();      // outstanding and not returned yet, in order; guarded by _gate
    private ulong _next = 1;                                             // guarded by _gate
    private ulong _lowest = 1;                                           // none below is outstanding; guarded by _gate

    /// <summary>Notes a publish that is about to be written. Called in the order of writing.</summary>
    /// <param name="sequenceNumber">Its number as the application sees it.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="message">The message.</param>
    /// <param name="mandatory">Whether it can come back.</param>
    internal PendingPublish Add(ulong sequenceNumber, string exchange, string routingKey, Message message, bool mandatory)
    {
        lock (_gate)
        {
            PendingPublish publish = new(_next++, sequenceNumber, exchange, routingKey, message);
            _pending.Add(publish.WireNumber, publish);
            if (mandatory)
            {
                publish.PlaceAmongMandatory = _mandatory.AddLast(publish);
            }

            return publish;
        }
    }

    /// <summary>Takes back the last publish, which was never written.</summary>
    /// <param name="publish">The publish.</param>
    internal void Withdraw(PendingPublish publish)
    {
        lock (_gate)
        {
            if (_pending.Remove(publish.WireNumber))
            {
                CeaseToExpectReturn_NeedsGate(publish);
                _next = publish.WireNumber;
            }
        }
    }

    /// <summary>A basic.ack or basic.nack came.</summary>
    /// <param name="wireNumber">Its number.</param>
    /// <param name="multiple">Whether it stands for every outstanding one up to the number.</param>
    /// <param name="isAck">Whether it is an ack.</param>
    internal void Answered(ulong wireNumber, bool multiple, bool isAck)
    {
        List<PendingPublish> answered = [];
        lock (_gate)
        {
            for (ulong number = multiple ? _lowest : wireNumber; number <= wireNumber; number++)
            {
                if (_pending.Remove(number, out PendingPublish? publish))
                {
                    CeaseToExpectReturn_NeedsGate(publish);
                    answered.Add(publish);
                }
            }

            while (_lowest < _next && !_pending.ContainsKey(_lowest))
            {
                _lowest++;
            }
        }

        foreach (PendingPublish publish in answered)
        {
            if (publish.IsReturned)
            {
                events.Post(() => publish.Answer(isAck));
            }
            else
            {
                publish.Answer(isAck);
            }
        }
    }

    /// <summary>A basic.return came.</summary>
    /// <param name="exchange">The exchange that it was published to.</param>
    /// <param name="routingKey">Its routing key.</param>
    /// <param name="message">The message.</param>
    internal void Returned(string exchange, string routingKey, Message message)
    {
        lock (_gate)
        {
            PendingPublish? likely = null;
            foreach (PendingPublish publish in _mandatory)
            {
                if (publish.Exchange == exchange && publish.RoutingKey == routingKey && publish.Message.Body.Span.SequenceEqual(message.Body.Span))
                {
                    likely ??= publish;
                    if (WithoutHiddenCopies(publish.Message.Properties) == WithoutHiddenCopies(message.Properties))
                    {
                        likely = publish;
                        break;
                    }
                }
            }

            if (likely is not null)
            {
                likely.IsReturned = true;
                CeaseToExpectReturn_NeedsGate(likely);
            }
        }
    }

    /// <summary>Ends every outstanding publish: no answer will come.</summary>
    /// <param name="error">Why.</param>
    internal void FailAll(Exception error)
    {
        PendingPublish[] failed;
        lock (_gate)
        {
            failed = [.. _pending.Values.OrderBy(static publish => publish.WireNumber)];
            _pending.Clear();
            _mandatory.Clear();
        }

        foreach (PendingPublish publish in failed)
        {
            publish.Fail(error);
        }
    }

    private void CeaseToExpectReturn_NeedsGate(PendingPublish publish)
    {
        if (publish.PlaceAmongMandatory is { } place)
        {
            _mandatory.Remove(place);
            publish.PlaceAmongMandatory = null;
        }
    }

    // The server removes BCC; and it replaces the name of direct reply-to. An empty header table is not sent.
    private static MessageProperties WithoutHiddenCopies(MessageProperties properties) => properties with
    {
        ReplyTo = null,
        Headers = properties.Headers?.Without(HiddenCopiesHeader) is { Count: > 0 } headers ? headers : null,
    };
}
