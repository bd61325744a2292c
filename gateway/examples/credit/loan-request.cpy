      * THE LOAN APPLICATION AS THE MAINFRAME SENDS IT, SINCE 1998.
       01  LOAN-REQUEST.
           05  LR-ID                   PIC X(10).
           05  LR-RECEIVED-ON          PIC X(8).
           05  LR-LOAN.
               10  LR-AMOUNT           PIC S9(9)V99 COMP-3.
               10  LR-MONTHS           PIC 9(3)     COMP-3.
               10  LR-PURPOSE          PIC X(4).
               10  LR-INSTALLMENT-RATE PIC 9.
           05  LR-APPLICANT.
               10  LR-AGE              PIC 9(3)     COMP-3.
               10  LR-EMPLOYMENT       PIC X(4).
               10  LR-JOB              PIC X(4).
               10  LR-HOUSING          PIC X(4).
               10  LR-RESIDENCE-SINCE  PIC 9(2).
               10  LR-DEPENDENTS       PIC 9(2).
               10  LR-TELEPHONE        PIC X(4).
           05  LR-ACCOUNTS.
               10  LR-CHECKING         PIC X(4).
               10  LR-SAVINGS          PIC X(4).
               10  LR-HISTORY          PIC X(4).
               10  LR-EXISTING-CREDITS PIC S9(4)    COMP.
           05  LR-SECURITY.
               10  LR-OTHER-DEBTORS    PIC X(4).
               10  LR-PROPERTY         PIC X(4).
               10  LR-OTHER-PLANS      PIC X(4).
           05  FILLER                  PIC X(8).
