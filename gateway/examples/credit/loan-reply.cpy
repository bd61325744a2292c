      * THE DECISION. LY-FAULT IS BLANK UNLESS THE APPLICATION IS REFUSED.
       01  LOAN-REPLY.
           05  LY-ID                   PIC X(10).
           05  LY-FAULT                PIC X(20).
           05  LY-DECISION             PIC X.
           05  LY-SCORE                PIC S9(5)V9  COMP-3.
           05  LY-DECIDED-ON           PIC X(8).
           05  LY-REASON-COUNT         PIC 9(2).
           05  LY-REASON               PIC X(3)
                   OCCURS 0 TO 18 TIMES DEPENDING ON LY-REASON-COUNT.
